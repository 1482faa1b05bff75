import { neon, neonConfig } from '@neondatabase/serverless';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localRoles } from '../../scripts/stack/database-plan.ts';
import { applyRoles } from '../../scripts/stack/roles.ts';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';

const servers = { embedded: '', postgres: process.env.TEST_DATABASE_URL ?? '' };

for (const kind of ['embedded', 'postgres'] as const) {
  const skipped = kind === 'postgres' && servers.postgres === '';
  describe.skipIf(skipped)(
    `the two roles on ${kind}${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`,
    () => {
      let database: TestDatabase;
      const app = neon('postgres://itsor_app:x@db.localhost/itsor');

      beforeAll(async () => {
        database = await startTestDatabase(servers[kind]);
        neonConfig.fetchEndpoint = () => database.endpointUrl;
        const migration = new Client({ connectionString: database.migratorUrl });
        await migration.connect();
        await migration.query(
          'CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)',
        );
        await migration.query('CREATE TABLE later_serial (id serial PRIMARY KEY)');
        await migration.end();
      });
      afterAll(() => database?.close());

      // Proves ASVS 13.2.2.
      test('let the app read and write rows, of tables that came later too', async () => {
        expect(await app`SELECT count(*)::int AS n FROM users`).toEqual([{ n: 0 }]);
        await app`INSERT INTO later (body) VALUES ('a'), ('b')`;
        await app`INSERT INTO later_serial DEFAULT VALUES`;
        await app`UPDATE later SET body = 'c' WHERE body = 'a'`;
        await app`DELETE FROM later WHERE body = 'b'`;
        expect(await app`SELECT body FROM later`).toEqual([{ body: 'c' }]);
      });

      test.each([
        'CREATE TABLE mine (id int)',
        'CREATE TEMPORARY TABLE mine (id int)',
        'CREATE SCHEMA mine',
        'CREATE VIEW mine AS SELECT 1',
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        'ALTER TABLE users ADD COLUMN mine int',
        'ALTER TABLE later ADD COLUMN mine int',
        'DROP TABLE users',
        'DROP TABLE later',
        'TRUNCATE users CASCADE',
        'TRUNCATE later',
        'CREATE INDEX mine ON later (body)',
        'CREATE TRIGGER mine BEFORE INSERT ON later EXECUTE FUNCTION suppress_redundant_updates_trigger()',
        'GRANT SELECT ON users TO PUBLIC WITH GRANT OPTION',
        'CREATE ROLE mine',
        'CREATE DATABASE mine',
        'CREATE TABLE drizzle.mine (id int)',
        'DELETE FROM drizzle.__drizzle_migrations',
      ])('keep the app from: %s', async (statement) => {
        await expect(app.query(statement)).rejects.toMatchObject({
          code: expect.stringMatching(/^(42501|0LP01|25001)$/),
        });
      });

      test("let the app read the migrations' journal, for the readiness check", async () => {
        const [journal] = await app`SELECT count(*)::int AS n FROM drizzle.__drizzle_migrations`;
        expect(journal?.n).toBeGreaterThan(0);
      });

      test('are no members of one another', async () => {
        const members = "SELECT pg_has_role('itsor_app', 'itsor_migrator', 'MEMBER')::text AS name";
        expect((await asAdmin(database, members)).rows).toEqual([{ name: 'false' }]);
      });

      test('are made again without harm, and lose what they had been given too much', async () => {
        await asAdmin(database, 'GRANT CREATE ON SCHEMA public TO PUBLIC, itsor_app');
        await asAdmin(database, 'GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO itsor_app');
        await asAdmin(database, 'GRANT itsor_migrator TO itsor_app');
        // Attributes belong to the whole server, where others may be testing.
        if (kind === 'embedded') await asAdmin(database, 'ALTER ROLE itsor_app SUPERUSER');

        await applyRoles(database.adminUrl, localRoles);
        await expect(app`CREATE TABLE mine (id int)`).rejects.toMatchObject({ code: '42501' });
        await expect(app`TRUNCATE later`).rejects.toMatchObject({ code: '42501' });
        await expect(app`DROP TABLE later`).rejects.toMatchObject({ code: '42501' });
        expect(await app`SELECT body FROM later`).toEqual([{ body: 'c' }]);
      });

      test('cannot be the administrator, which would lock itself out', async () => {
        const { rows } = await asAdmin(database, 'SELECT current_user AS name');
        const app = { user: rows[0]?.name ?? '', password: null };
        await expect(applyRoles(database.adminUrl, { ...localRoles, app })).rejects.toThrow(
          'is the administrator',
        );
      });
    },
  );
}

const asAdmin = async (database: TestDatabase, statement: string) => {
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  const result = await client.query<{ name: string }>(statement);
  await client.end();
  return result;
};
