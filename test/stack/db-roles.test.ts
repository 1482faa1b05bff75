import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { createDatabase } from '../support/node/database.ts';

const program = fileURLToPath(new URL('../../scripts/db-roles.ts', import.meta.url));

const dbRoles = (args: string[], env: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, [program, ...args], {
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !isConfigVariable(name))),
      ...env,
    },
  }).catch((error: { stdout: string; stderr: string; code: number }) => error);

const remote = 'postgres://admin:pw-of-admin@db.example.com/itsor';

test('db:roles --dry-run shows the statements and no password, and connects to nothing', async () => {
  const { stdout } = await dbRoles(['--dry-run', '--url', remote], {
    DATABASE_URL: "postgres://the_app:pw'app@db.example.com/itsor",
    DB_MIGRATOR_PASSWORD: 'pw-of-migrator',
  });
  expect(stdout).toContain('ALTER ROLE "the_app" LOGIN PASSWORD \'[redacted]\'');
  expect(stdout).toContain('CREATE ROLE "itsor_migrator"');
  expect(stdout).not.toMatch(/pw'app|pw-of/);
});

test('db:roles refuses to make a role without a password on a server elsewhere', async () => {
  const { stderr } = await dbRoles(['--url', remote]);
  expect(stderr).toMatch(/^No password for itsor_migrator/);
});

test('db:roles refuses an unknown option', async () => {
  expect(await dbRoles(['--dryrun'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('npm run db:roles'),
  });
});

const serverUrl = process.env.TEST_DATABASE_URL ?? '';
describe.skipIf(serverUrl === '')(
  `on a real server${serverUrl === '' ? ' (TEST_DATABASE_URL is unset)' : ''}`,
  () => {
    test('db:roles sets passwords with quotes and backslashes, twice over', async () => {
      const database = await createDatabase(serverUrl);
      try {
        const env = {
          DB_APP_USER: 'itsor_test_app',
          DB_APP_PASSWORD: 'it\'s \\ $$ "q"',
          LOCAL_POSTGRES_URL: database.adminUrl,
        };
        expect(await dbRoles([], env)).toMatchObject({ stdout: expect.stringMatching(/^Done in /) });
        expect(await dbRoles([], env)).toMatchObject({ stdout: expect.stringMatching(/^Done in /) });
        const client = new Client({ connectionString: database.adminUrl });
        await client.connect();
        const { rows } = await client.query(
          "SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'itsor_test_app'",
        );
        expect(rows).toEqual([{ rolcanlogin: true, rolsuper: false }]);
        await client.query('DROP OWNED BY itsor_test_app');
        await client.query('DROP ROLE itsor_test_app');
        await client.end();
      } finally {
        await database.close();
      }
    });
  },
);
