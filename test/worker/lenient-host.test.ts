import { describe, expect, it } from 'vitest';
import { createClient } from '../support/worker/client.ts';
import { countRoundTrips } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const foreign = [
  'https://itsor.someone.workers.dev',
  'https://auth.example.com',
  'http://devbox.lan:3002',
  'http://192.168.1.5:3002',
  'http://0.0.0.0:3002',
  'http://[::]:3002',
  'http://127.0.0.1.evil.example',
  'http://localhost.evil.example',
  'http://evil-localhost',
  'http://localhost@evil.example',
  'http://127.0.0.1:80@evil.example',
  'http://[::ffff:7f00:2]',
  'http://128.0.0.1',
];

const paths = [
  '/',
  '/health',
  '/healthz',
  '/readyz',
  '/account',
  '/docs',
  '/dev/mailbox',
  '/auth/me',
  '/nothing',
];

describe('a lenient service', () => {
  it.each(foreign)('answers 503 to everything at %s, and asks no database', async (origin) => {
    // What a person may have set against it.
    const client = createClient({
      HOST: '0.0.0.0',
      ALLOWED_ORIGINS: 'https://auth.example.com',
      APP_URL: origin,
    });
    const trips = await countRoundTrips(async () => {
      for (const path of paths)
        await expectProblem(await client('GET', `${origin}${path}`), 503, 'misconfigured');
      const login = { json: { email: 'ada@example.com', password: 'x' } };
      await expectProblem(await client('POST', `${origin}/auth/token`, login), 503, 'misconfigured');
    });
    expect(trips).toBe(0);
  });

  it('says what to set, and shares the answer with no other site', async () => {
    const client = createClient({ ALLOWED_ORIGINS: 'https://app.example.com' });
    const response = await client('OPTIONS', 'https://auth.example.com/auth/token', {
      headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' },
    });
    expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull();
    const problem = JSON.parse(await expectProblem(response, 503, 'misconfigured'));
    expect(problem.detail).toContain('BACKEND_ENV=production');
    expect(problem.errors).toEqual([expect.objectContaining({ pointer: '/BACKEND_ENV' })]);
  });

  it('answers 503 there when it is misconfigured too, even to /healthz', async () => {
    const client = createClient({ RATE_LIMIT_MAX: 'many' });
    const problem = await expectProblem(
      await client('GET', 'https://auth.example.com/healthz'),
      503,
      'misconfigured',
    );
    expect(problem).not.toContain('RATE_LIMIT_MAX');
  });

  it.each([
    ...['http://localhost:3002', 'https://localhost', 'http://LOCALHOST:1', 'http://itsor.localhost'],
    ...[
      'http://127.0.0.1:3002',
      'http://127.1',
      'http://2130706433',
      'http://127.255.0.9',
      'http://[::1]:3002',
    ],
  ])('answers at %s, which is this machine', async (origin) => {
    expect((await createClient()('GET', `${origin}/health`)).status).toBe(200);
  });

  it.each(['development', 'dev', 'test', 'local', ''])('is one that is named "%s"', async (name) => {
    const client = createClient({ BACKEND_ENV: name });
    expect((await client('GET', 'https://auth.example.com/healthz')).status).toBe(503);
  });
});

it('a strict service answers at every host', async () => {
  const client = createClient({ BACKEND_ENV: 'production' });
  expect((await client('GET', 'https://auth.example.com/healthz')).status).toBe(200);
});
