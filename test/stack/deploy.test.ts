import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { environmentOf, runScript, runWrangler } from '../../scripts/program/child.ts';
import {
  type Answers,
  createStandInWrangler,
  type StandInWrangler,
} from '../support/node/stand-in-wrangler.ts';

const worker: Answers = {
  'deployments status --json --env staging': JSON.stringify({
    versions: [{ version_id: 'aaaa-1', percentage: 100 }],
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

const commandLine = ['scripts/deploy.ts', '--env', 'staging', '--url'] as const;
// A lenient environment, whose database is the embedded one: doctor and migrations are real.
const lenient = () => ({ BACKEND_ENV: 'local', DATA_DIR: dataDirectory });

/** Without the looks in between, of which a test says what they find. */
const changesOf = async (wrangler: StandInWrangler) =>
  (await wrangler.calls())
    .map((call) => call.replace(/ --message .*/, ''))
    .filter((call) => !call.startsWith('deployments status'));

const deploy = async (answers: Answers = worker, env: Record<string, string> = {}) => {
  const wrangler = await createStandInWrangler(answers);
  const variables = { ...lenient(), ...wrangler.env, ...env };
  const run = await runScript([...commandLine, url, '--settle', '0'], variables);
  const [calls, messages] = [await changesOf(wrangler), await wrangler.calls()];
  await wrangler.close();
  return { ...run, calls, messages };
};

const shared = (...shares: string[]) => `versions deploy ${shares.join(' ')} --env staging`;
const untilUpload = ['versions upload --env staging'];
const rolledBack = shared('aaaa-1@100%');

test('wrangler deploy of a fresh clone, without --env, names production', async () => {
  const outdir = join(dataDirectory, 'bundle');
  const run = await runWrangler(['deploy', '--dry-run', '--outdir', outdir]);
  expect(run.status).toBe(0);
  expect(run.stdout).toMatch(/env\.BACKEND_ENV \("production"\)/);
});

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
    stderr: expect.stringMatching(/^Rolled back, because a smoke test failed: aaaa-1 has all requests again/),
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
    /^NOT rolled back: wrangler versions deploy: no network\nBy hand, now: npx wrangler versions deploy aaaa-1@100% --yes --env staging\n/,
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
  expect(run.calls).toEqual([]);
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

test('a share that fails is rolled back as what it is, and not as a smoke test', async () => {
  const run = await deploy({ 'versions deploy bbbb-2@10%': { fails: 'no network' }, ...worker });
  expect(run).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^Rolled back, because wrangler failed/),
  });
  expect(run.stdout).toContain('wrangler versions deploy: no network');
  expect(run.messages.at(-1)).toContain('--message rolled back: wrangler failed');
  expect(run.calls.at(-1)).toBe(rolledBack);
});

test('triggers that fail leave the new version, and are to be done once more', async () => {
  const run = await deploy({ ...worker, 'triggers deploy --env staging': { fails: 'no queue' } });
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(
    /no queue\nbbbb-2 has all requests.* npx wrangler triggers deploy --env staging\n$/,
  );
  expect(run.calls).not.toContain(rolledBack);
});

test.each<[string, Answers, RegExp]>([
  [
    'an answer that is none',
    { 'deployments status': 'Log in first.' },
    /^wrangler deployments status answers in a form/,
  ],
  [
    'an upload that says nothing',
    { ...worker, 'versions upload --env staging': 'done' },
    /did not say which version/,
  ],
  [
    'an upload that says nonsense',
    { ...worker, 'versions upload --env staging': 'done\f{' },
    /did not say which/,
  ],
])('%s is told in a sentence', async (_, answers, says) => {
  const run = await deploy(answers);
  expect(run).toMatchObject({ status: 1, stderr: expect.stringMatching(says) });
  expect(run.stderr).not.toMatch(/\n\s+at /);
});

test('does not begin where two versions are deployed, and says how to end that', async () => {
  const versions = [
    { version_id: 'aaaa-0', percentage: 90 },
    { version_id: 'aaaa-1', percentage: 10 },
  ];
  const run = await deploy({ 'deployments status': JSON.stringify({ versions }), ...worker });
  expect(run.status).toBe(1);
  for (const id of ['aaaa-0', 'aaaa-1'])
    expect(run.stderr).toContain(`npx wrangler versions deploy ${id}@100% --yes --env staging`);
  expect(run.calls).toEqual([]);
  expect(await readdir(dataDirectory)).toEqual([]);
});

test.each<[string, Readonly<Record<string, number>>, boolean]>([
  ['a version of theirs', { 'cccc-3': 100 }, true],
  ['theirs, when a roll-back is due', { 'cccc-3': 0, 'aaaa-1': 100 }, false],
  ['the version of before', { 'aaaa-1': 100 }, true],
])('stops and touches nothing where somebody else has deployed %s', async (_, theirs, isFine) => {
  // The version of before looks like the share of 0 %, so that they deploy at 10 %.
  const at = isFine ? 2 : 1;
  const wrangler = await createStandInWrangler(worker);
  let asked = 0;
  isReady = () => {
    if (++asked === at) void wrangler.deploy(theirs);
    return isFine;
  };
  const run = await runScript([...commandLine, url, '--settle', '0'], { ...lenient(), ...wrangler.env });
  expect(run).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^Somebody else has deployed meanwhile/),
  });
  expect(await changesOf(wrangler)).toHaveLength(1 + at);
  await wrangler.close();
});

/** Starts a deployment in a process group of its own, as a terminal does; `halt` sends it Ctrl-C. */
const underWay = async (answers: Answers = worker) => {
  const wrangler = await createStandInWrangler(answers);
  const child = spawn(process.execPath, [...commandLine, url, '--settle', '30'], {
    env: environmentOf({ ...lenient(), ...wrangler.env }),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  while (!(await changesOf(wrangler)).includes(shared('bbbb-2@0%', 'aaaa-1@100%'))) await sleep(20);
  await sleep(500);
  return { wrangler, said, halt: () => process.kill(-(child.pid ?? 0), 'SIGINT') };
};

test('a Ctrl-C rolls back, even when it comes twice by way of npm', async () => {
  const { wrangler, said, halt } = await underWay({
    'versions deploy aaaa-1@100%': { says: 'deployed', afterMs: 1_500 },
    ...worker,
  });
  halt();
  await sleep(600);
  halt();
  const [, stderr, [status]] = await said;
  expect(stderr).toMatch(/^Rolled back, because it was interrupted: aaaa-1 has all requests again/);
  expect(status).toBe(1);
  expect((await changesOf(wrangler)).at(-1)).toBe(rolledBack);
  await wrangler.close();
});

test('a second Ctrl-C ends it at once', async () => {
  const { wrangler, said, halt } = await underWay({
    'versions deploy aaaa-1@100%': { says: 'deployed', afterMs: 5_000 },
    ...worker,
  });
  halt();
  await sleep(1_200);
  halt();
  const [, stderr, [status]] = await said;
  expect(stderr).toBe(
    '✗ stopped at once; left: a deployment that npx wrangler deployments status --env staging tells\n',
  );
  expect(status).toBe(1);
  await wrangler.close();
});

test('says what it takes', async () => {
  expect(await runScript(['scripts/deploy.ts'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--settle'),
  });
});
