import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Finding } from '../../scripts/doctor/report.ts';
import { findWorkerDrift } from '../../scripts/drift/worker.ts';
import { runScript } from '../../scripts/program/child.ts';
import { startTestDatabase } from '../support/node/database.ts';
import { type Answers, createStandInWrangler } from '../support/node/stand-in-wrangler.ts';

const queues = ['itsor-production-mail', 'itsor-production-uploads'];
const consumer = (queue: string, settings: object) => ({
  type: 'worker',
  script: 'itsor-production',
  ...(queue.endsWith('-dead') ? {} : { dead_letter_queue: `${queue}-dead` }),
  settings,
});
const settings: Readonly<Record<string, object>> = {
  'itsor-production-mail': { batch_size: 5, max_retries: 20, max_wait_time_ms: 0, retry_delay: 60 },
  'itsor-production-uploads': { batch_size: 3, max_retries: 20, max_wait_time_ms: 0, retry_delay: 300 },
  'itsor-production-mail-dead': { batch_size: 10, max_retries: 3, max_wait_time_ms: 60000 },
  'itsor-production-uploads-dead': { batch_size: 10, max_retries: 3, max_wait_time_ms: 60000 },
};
const bindings = [
  { type: 'durable_object_namespace', name: 'RATE_LIMITER', class_name: 'RateLimiter', namespace_id: 'x' },
  { type: 'durable_object_namespace', name: 'SESSION_GATE', class_name: 'SessionGate', namespace_id: 'v' },
  { type: 'durable_object_namespace', name: 'LOGIN_GUARD', class_name: 'LoginGuard', namespace_id: 'y' },
  {
    type: 'durable_object_namespace',
    name: 'METRICS_GATHERER',
    class_name: 'MetricsGatherer',
    namespace_id: 'z',
  },
  { type: 'durable_object_namespace', name: 'AGENDA', class_name: 'Agenda', namespace_id: 'w' },
  { type: 'queue', name: 'MAIL_QUEUE', queue_name: 'itsor-production-mail' },
  { type: 'queue', name: 'UPLOAD_QUEUE', queue_name: 'itsor-production-uploads' },
  { type: 'r2_bucket', name: 'UPLOADS', bucket_name: 'itsor-production-uploads' },
  { type: 'assets', name: 'ASSETS' },
  { type: 'version_metadata', name: 'CF_VERSION_METADATA' },
  { type: 'plain_text', name: 'BACKEND_ENV', text: 'production' },
  { type: 'plain_text', name: 'SESSION_COOKIE_SECURE', text: 'true' },
  { type: 'secret_text', name: 'JWT_SECRET' },
];
const version = (changes: { bindings?: object[]; date?: string; flags?: string[] } = {}) =>
  JSON.stringify({
    resources: {
      script_runtime: {
        compatibility_date: changes.date ?? '2026-09-18',
        compatibility_flags: changes.flags ?? ['nodejs_als', 'queue_consumer_no_wait_for_wait_until'],
        usage_model: 'standard',
      },
      bindings: changes.bindings ?? bindings,
    },
  });
const deployed: Answers = {
  'deployments status --json --env production': JSON.stringify({
    versions: [{ version_id: 'aaaaaaaa-1', percentage: 100 }],
  }),
  'versions view aaaaaaaa-1 --json': version(),
  ...Object.fromEntries(
    Object.keys(settings)
      // The longer names first: a command is found by how it begins.
      .sort()
      .reverse()
      .map((queue) => [
        `queues consumer worker list ${queue} --json`,
        JSON.stringify([consumer(queue, settings[queue] ?? {})]),
      ]),
  ),
};

let crons = ['7 * * * *'];
const api = createServer((request, response) => {
  const known = request.url === '/accounts/acc/workers/scripts/itsor-production/schedules';
  response.writeHead(known && request.headers.authorization === 'Bearer tok' ? 200 : 403, {
    'content-type': 'application/json',
  });
  response.end(JSON.stringify({ result: { schedules: crons.map((cron) => ({ cron })) } }));
});
let apiUrl: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
});
afterAll(() => {
  api.close();
});

const drift = async (answers: Answers, token = 'tok'): Promise<Finding[]> => {
  const wrangler = await createStandInWrangler(answers);
  vi.stubEnv('PATH', wrangler.env.PATH);
  vi.stubEnv('CLOUDFLARE_API_BASE_URL', apiUrl);
  vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', 'acc');
  vi.stubEnv('CLOUDFLARE_API_TOKEN', token);
  try {
    return await findWorkerDrift('production');
  } finally {
    vi.unstubAllEnvs();
    await wrangler.close();
  }
};

test('a Worker that is as wrangler.toml says has none', async () => {
  const findings = await drift(deployed);
  expect(findings).toEqual([
    { level: 'ok', check: 'Worker aaaaaaaa', detail: expect.stringContaining('12 bindings') },
  ]);
});

test('each difference is named', async () => {
  crons = ['*/5 * * * *'];
  const findings = await drift({
    ...deployed,
    'versions view aaaaaaaa-1 --json': version({
      date: '2025-01-01',
      flags: [],
      bindings: [
        ...bindings.filter(({ name }) => name !== 'UPLOAD_QUEUE' && name !== 'BACKEND_ENV'),
        { type: 'plain_text', name: 'BACKEND_ENV', text: 'development' },
        { type: 'plain_text', name: 'LOG_LEVEL', text: 'debug' },
        { type: 'secret_text', name: 'OLD_KEY' },
      ],
    }),
    [`queues consumer worker list ${queues[0]} --json`]: JSON.stringify([
      consumer(queues[0] ?? '', { ...settings[queues[0] ?? ''], max_retries: 3 }),
    ]),
    [`queues consumer worker list ${queues[1]} --json`]: '[]',
  });
  crons = ['7 * * * *'];
  const said = findings.map(({ check, detail }) => `${check}: ${detail}`);
  expect(said).toEqual(
    expect.arrayContaining([
      'compatibility date: is 2025-01-01; wrangler.toml says 2026-09-18',
      'compatibility flags: is none; wrangler.toml says nodejs_als, queue_consumer_no_wait_for_wait_until',
      'binding BACKEND_ENV: is "development"; wrangler.toml says "production"',
      'binding LOG_LEVEL: is "debug"; wrangler.toml says none',
      'binding UPLOAD_QUEUE: is none; wrangler.toml says queue itsor-production-uploads',
      'secret OLD_KEY: is no variable of Itsor',
      'queue itsor-production-uploads: has no consumer itsor-production',
      'crons: is */5 * * * *; wrangler.toml says 7 * * * *',
    ]),
  );
  expect(said.join('\n')).toMatch(
    /queue itsor-production-mail: is .*"max_retries":3.*says .*"max_retries":20/,
  );
  expect(findings.map(({ level }) => level)).toEqual(Array(9).fill('failure'));
});

test('what it cannot look at is said, and is no success', async () => {
  const refusal = { fails: 'it is necessary to set a CLOUDFLARE_API_TOKEN' };
  expect(await drift({ deployments: refusal })).toEqual([
    {
      level: 'skipped',
      check: 'Worker',
      detail: `not checked: wrangler deployments status: ${refusal.fails}`,
    },
  ]);
  expect(await drift({ ...deployed, 'deployments status --json --env production': 'hello' })).toMatchObject([
    { level: 'skipped', detail: expect.stringMatching(/deployments status answers in a form/) },
  ]);
  for (const [token, reason] of [
    ['', 'CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are needed'],
    ['other', 'Cloudflare answers 403'],
  ] as const)
    expect(await drift(deployed, token)).toContainEqual({
      level: 'skipped',
      check: 'crons',
      detail: `not checked: ${reason}`,
    });

  const wrangler = await createStandInWrangler({ deployments: refusal });
  const database = await startTestDatabase('');
  const args = ['--env', 'production', '--url', database.adminUrl] as const;
  const run = await runScript(['scripts/db-drift.ts', ...args], wrangler.env);
  expect(run).toMatchObject({ status: 2, stdout: expect.stringMatching(/No drift; 1 not checked\n$/) });
  await database.close();
  await wrangler.close();
});
