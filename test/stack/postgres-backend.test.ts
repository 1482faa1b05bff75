import { neon, neonConfig } from '@neondatabase/serverless';
import { expect, test } from 'vitest';
import { startNeonEndpoint } from '../../scripts/stack/neon-endpoint.ts';
import { findFreePort } from '../../scripts/stack/ports.ts';
import { createPostgresBackend } from '../../scripts/stack/postgres-backend.ts';

test('a server that cannot be reached is 503, and no answer of Postgres', async () => {
  const backend = createPostgresBackend(`postgres://a:b@127.0.0.1:${await findFreePort()}/c`);
  const endpoint = await startNeonEndpoint({ backend });
  neonConfig.fetchEndpoint = () => endpoint.url;
  const failure = neon('postgres://a:b@db.localhost/c')`SELECT 1`;
  await expect(failure).rejects.toMatchObject({
    message: expect.stringContaining('HTTP status 503'),
    code: undefined,
  });
  await endpoint.close();
  await backend.close();
});

const serverUrl = process.env.TEST_DATABASE_URL ?? '';
test.skipIf(serverUrl === '')(
  `a connection that breaks is 503, and the next request gets another${serverUrl === '' ? ' (TEST_DATABASE_URL is unset)' : ''}`,
  async () => {
    const backend = createPostgresBackend(serverUrl);
    const endpoint = await startNeonEndpoint({ backend });
    neonConfig.fetchEndpoint = () => endpoint.url;
    const sql = neon(`postgres://${backend.loginUser}:x@db.localhost/c`);
    await expect(sql`SELECT pg_terminate_backend(pg_backend_pid())`).rejects.toThrow('HTTP status 503');
    expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]);
    await endpoint.close();
    await backend.close();
  },
);
