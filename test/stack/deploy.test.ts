import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runScript } from '../../scripts/stack/run-script.ts';
import { type Answers, createStandInWrangler } from '../support/node/stand-in-wrangler.ts';

const worker: Answers = {
  'deployments status --json --env staging': JSON.stringify({
    versions: [
      { version_id: 'aaaa-0', percentage: 10 },
      { version_id: 'aaaa-1', percentage: 90 },
    ],
  }),
  'versions upload --env staging': `uploaded\f${JSON.stringify({ type: 'version-upload', version: 1, version_id: 'bbbb-2' })}`,
  'versions deploy': 'deployed',
  'triggers deploy --env staging': 'done',
};

/** Whether the service is ready for a request, and which version answers it. */
let isReady: (headers: IncomingHttpHeaders) => boolean;
let answering: (headers: IncomingHttpHeaders) => string;
const service = createServer((request, response) => {
  const status =
    request.url === '/auth/signup' ? 202 : request.url === '/readyz' && !isReady(request.headers) ? 503 : 200;
  const body = JSON.stringify({ version: answering(request.headers) });
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
});
let url: string;
let dataDirectory: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
});
afterAll(() => {
  service.close();
});
beforeEach(async () => {
  isReady = () => true;
  answering = () => 'bbbb-2';
  dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-'));
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

const override = 'cloudflare-workers-version-overrides';

const deploy = async (answers: Answers = worker, env: Record<string, string> = {}) => {
  const wrangler = await createStandInWrangler(answers);
  // A lenient environment, whose database is the embedded one: doctor and migrations are real.
  const variables = { BACKEND_ENV: 'local', DATA_DIR: dataDirectory, ...wrangler.env, ...env };
  const run = await runScript(
    ['scripts/deploy.ts', '--env', 'staging', '--url', url, '--settle', '0'],
    variables,
  );
  const calls = (await wrangler.calls()).map((call) => call.replace(/ --message .*/, ''));
  await wrangler.close();
  return { ...run, calls };
};

const shared = (...shares: string[]) => `versions deploy ${shares.join(' ')} --env staging`;
const untilUpload = ['deployments status --json --env staging', 'versions upload --env staging'];
const rolledBack = shared('aaaa-1@100%');

test('takes a version from none to all of the requests, asking it by name until it has them', async () => {
  const asked: unknown[] = [];
  isReady = (headers) => asked.push(headers[override]) > 0;
  const run = await deploy();
  expect(run).toMatchObject({ status: 0, stderr: '' });
  expect(run.calls).toEqual([
    ...untilUpload,
    shared('bbbb-2@0%', 'aaaa-1@100%'),
    shared('bbbb-2@10%', 'aaaa-1@90%'),
    shared('bbbb-2@100%'),
    'triggers deploy --env staging',
  ]);
  expect(asked).toEqual(['itsor-staging="bbbb-2"', 'itsor-staging="bbbb-2"', undefined]);
  expect(await readdir(dataDirectory)).toContain('pg');
});

test('a smoke test that fails before there is traffic rolls back and exits 1', async () => {
  isReady = (headers) => headers[override] === undefined;
  const run = await deploy();
  expect(run).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^Rolled back: aaaa-1 has all requests again/),
  });
  expect(run.stdout).toContain('every part answers: 503');
  expect(run.calls).toEqual([...untilUpload, shared('bbbb-2@0%', 'aaaa-1@100%'), rolledBack]);
});

test('so does one that fails when it has all of them', async () => {
  isReady = (headers) => headers[override] !== undefined;
  const run = await deploy();
  expect(run.status).toBe(1);
  expect(run.calls.slice(-2)).toEqual([shared('bbbb-2@100%'), rolledBack]);
});

test.each<[string, (override: unknown) => boolean, string[]]>([
  ['is asked by name', (asked) => asked !== undefined, [shared('bbbb-2@0%', 'aaaa-1@100%')]],
  ['should have everything', (asked) => asked === undefined, [shared('bbbb-2@100%')]],
])('no other version can pass for the new one that %s', async (_, isWrong, last) => {
  answering = (headers) => (isWrong(headers[override]) ? 'aaaa-1' : 'bbbb-2');
  const run = await deploy();
  expect(run.status).toBe(1);
  expect(run.stdout).toContain('✗ version: aaaa-1 has answered, and not bbbb-2');
  expect(run.calls.slice(-2)).toEqual([...last, rolledBack]);
});

test('a roll-back that fails says what to do by hand', async () => {
  isReady = () => false;
  const run = await deploy({ 'versions deploy aaaa-1@100%': { fails: 'no network' }, ...worker });
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(
    /^NOT rolled back: wrangler versions deploy: no network\nBy hand, now: npx wrangler versions deploy aaaa-1@100%/,
  );
});

test('a failing doctor stops it before anything is migrated or uploaded', async () => {
  const run = await deploy(worker, { RATE_LIMIT_MAX: 'many' });
  expect(run).toMatchObject({ status: 1, stderr: expect.stringContaining('✗ doctor') });
  expect(run.calls).toEqual([]);
  expect(await readdir(dataDirectory)).toEqual([]);
});

test('a strict environment has to say whose tables it migrates', async () => {
  const run = await deploy(worker, { BACKEND_ENV: '' });
  expect(run).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^MIGRATIONS_DATABASE_URL is needed/),
  });
  expect(run.calls).toEqual([]);
});

test('a failing migration uploads nothing', async () => {
  const run = await deploy(worker, { MIGRATIONS_DATABASE_URL: 'postgres://m:secret-of-m@127.0.0.1:1/x' });
  expect(run).toMatchObject({ status: 1, stderr: expect.stringContaining('✗ migrations') });
  expect(run.stderr).not.toContain('secret-of-m');
  expect(run.calls).toEqual(untilUpload.slice(0, 1));
});

test('what wrangler refuses is told in its words', async () => {
  const run = await deploy({
    'deployments status': { fails: 'This Worker does not exist on your account.' },
  });
  expect(run).toMatchObject({
    status: 1,
    stderr: 'wrangler deployments status: This Worker does not exist on your account.\n',
  });
  const upload = await deploy({ 'versions upload': { fails: 'script too large' }, ...worker });
  expect(upload.calls).toEqual(untilUpload);
  expect(upload.status).toBe(1);
});

test('says what it takes', async () => {
  expect(await runScript(['scripts/deploy.ts'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--settle'),
  });
});
