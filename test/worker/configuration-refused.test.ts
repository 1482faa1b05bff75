import { expect, it } from 'vitest';
import { loadConfig } from '../../src/platform/config/load.ts';
import { createClient } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const refusals = async (variable: string) =>
  sql`select details from audit_events where type = 'configuration.refused' and details->'variables' ? ${variable}`;

it('a misconfigured service writes one audit event an hour, with the names of the wrong variables', async () => {
  // No other test has this set of wrong variables.
  const wrong = { LOGIN_BRUTE_LOCK_MS: 'a-secret-that-slipped', AUDIT_RETENTION_DAYS: '-1' };
  for (const isolate of [createClient(wrong), createClient(wrong)]) {
    await expectProblem(await isolate('GET', '/auth/me'), 503, 'misconfigured');
    await expectProblem(await isolate('GET', '/health'), 503, 'misconfigured');
  }
  const rows = await refusals('AUDIT_RETENTION_DAYS');
  expect(rows).toEqual([{ details: { variables: ['AUDIT_RETENTION_DAYS', 'LOGIN_BRUTE_LOCK_MS'] } }]);
});

it('a service with a wrong DATABASE_URL sends nothing to a database', async () => {
  const isolate = createClient({ DATABASE_URL: 'sqlite:///./itsor.db' });
  const trips = await countRoundTrips(async () => {
    await expectProblem(await isolate('GET', '/auth/me'), 503, 'misconfigured');
  });
  expect(trips).toBe(0);
});

const pemOf = async (namedCurve: string): Promise<string> => {
  const algorithm = { name: 'ECDSA', namedCurve };
  const { privateKey } = (await crypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;
  const der = (await crypto.subtle.exportKey('pkcs8', privateKey)) as ArrayBuffer;
  const body = btoa(String.fromCharCode(...new Uint8Array(der)));
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----`;
};

it('workerd reads a private key for its algorithm, and refuses one of another curve without quoting it', async () => {
  const load = (pem: string) => loadConfig({ JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: pem });
  expect(load(await pemOf('P-256')).ok).toBe(true);
  expect(load(await pemOf('P-384'))).toMatchObject({
    ok: false,
    problems: [{ variable: 'JWT_PRIVATE_KEY', detail: 'is not a P-256 key, which ES256 needs' }],
  });
});

it('a Worker that wrangler has started alone says in one sentence to use npm run dev, and asks no database', async () => {
  // Lenient, as .dev.vars names it; and strict, as wrangler.toml does.
  for (const started of [{}, { BACKEND_ENV: 'production' }]) {
    const isolate = createClient({ DATABASE_URL: '', NEON_HTTP_ENDPOINT: '', ...started });
    const trips = await countRoundTrips(async () => {
      for (const path of ['/', '/auth/me', '/readyz']) {
        const problem = await expectProblem(await isolate('GET', path), 503, 'misconfigured');
        expect(JSON.parse(problem).detail).toMatch(/npm run dev/);
      }
    });
    expect(trips).toBe(0);
  }
});

it('a strict Worker elsewhere says nothing of local work', async () => {
  const isolate = createClient({ BACKEND_ENV: 'production', DATABASE_URL: '' });
  expect(await (await isolate('GET', 'https://auth.example.com/')).text()).not.toContain('npm run dev');
});
