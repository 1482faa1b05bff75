import { expect, it } from 'vitest';
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
