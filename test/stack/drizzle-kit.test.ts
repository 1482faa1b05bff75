import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { openLocalDatabase } from '../../scripts/stack/local-database.ts';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { createDatabase } from '../support/node/database.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

const drizzleKit = (command: string, env: Record<string, string>) =>
  promisify(execFile)(process.execPath, [join(project, 'node_modules/drizzle-kit/bin.cjs'), command], {
    cwd: project,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !isConfigVariable(name))),
      ...env,
    },
  });

const owners = async (url: string) => {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ owner: string }>(
    "SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname IN ('public', 'drizzle')",
  );
  await client.end();
  return rows.map(({ owner }) => owner);
};

test('drizzle-kit migrate alone prepares an embedded database and leaves it closed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  await drizzleKit('migrate', { DATA_DIR: directory });
  const released = () =>
    stat(join(directory, 'stack.lock')).then(
      () => false,
      () => true,
    );
  for (let tries = 0; tries < 100 && !(await released()); tries++) await sleep(50);

  const database = await openLocalDatabase(directory);
  expect(await owners(database.adminUrl)).toEqual(['itsor_migrator']);
  // And again, now through the process that has it open.
  await drizzleKit('migrate', { DATA_DIR: directory });
  await database.close();
  await rm(directory, { recursive: true });
});

test('drizzle-kit migrate does not take the embedded database for the one of DATABASE_URL', async () => {
  const env = {
    DATABASE_URL: 'postgres://itsor_app:pw-of-app@db.example.com/itsor',
    DATA_DIR: '/nonexistent',
  };
  const failure = await drizzleKit('migrate', env).catch((error: { stderr: string }) => error);
  expect(failure.stderr).toContain('MIGRATIONS_DATABASE_URL is needed');
  expect(failure.stderr).not.toContain('pw-of-app');
});

test.skipIf(!process.env.TEST_DATABASE_URL)(
  `drizzle-kit migrate alone prepares a real database${process.env.TEST_DATABASE_URL ? '' : ' (TEST_DATABASE_URL is unset)'}`,
  async () => {
    const database = await createDatabase(process.env.TEST_DATABASE_URL ?? '');
    try {
      await drizzleKit('migrate', { LOCAL_POSTGRES_URL: database.adminUrl });
      expect(await owners(database.adminUrl)).toEqual(['itsor_migrator']);
    } finally {
      await database.close();
    }
  },
);
