import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDatabaseDrift } from '../../scripts/drift/database.ts';
import { runScript } from '../../scripts/program/child.ts';
import { localRoles } from '../../scripts/stack/database-plan.ts';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';

const roles = { migrator: localRoles.migrator.user, app: localRoles.app.user };
const servers = { embedded: '', postgres: process.env.TEST_DATABASE_URL ?? '' };

/** What somebody did by hand, and what is said of it. */
const drifts: readonly [statement: string, check: string, detail: string][] = [
  ['alter table users add column nickname text', 'column users.nickname', 'not of the migrations: text'],
  ['alter table outbox drop column last_error', 'column outbox.last_error', 'missing: text'],
  [
    'alter table uploads alter column size type integer',
    'column uploads.size',
    'is integer not null; should be bigint not null',
  ],
  [
    'alter table users alter column username type text collate "default"',
    'column users.username',
    'is text; should be text collate "C"',
  ],
  [
    "alter table sessions alter column scope set default 'x'",
    'column sessions.scope',
    "is text not null default 'x'::text; should be text not null default ''::text",
  ],
  [
    'alter table users alter column created_at drop not null',
    'column users.created_at',
    'is timestamp(3) with time zone; should be timestamp(3) with time zone not null',
  ],
  [
    'drop index sessions_user_id_id_index',
    'index sessions_user_id_id_index',
    'missing: CREATE INDEX sessions_user_id_id_index ON public.sessions USING btree (user_id, id)',
  ],
  [
    'create index mine on users (created_at)',
    'index mine',
    'not of the migrations: CREATE INDEX mine ON public.users USING btree (created_at)',
  ],
  [
    'alter table users drop constraint users_email_is_lower_case',
    'constraint users_email_is_lower_case on users',
    'missing: CHECK ((email = lower(email)))',
  ],
  [
    'alter table identities drop constraint identities_user_id_users_id_fk',
    'constraint identities_user_id_users_id_fk on identities',
    'missing: FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE',
  ],
  ['create table theirs ()', 'table theirs', 'not of the migrations: owned by '],
  ['create view everyone as select id from users', 'view everyone', 'not of the migrations:'],
  ['create schema evil', 'schema evil', 'not of the migrations'],
  ['create publication everything', 'publication everything', 'not of the migrations'],
  [
    "do $$ begin execute format('alter database %I set search_path = evil, public', current_database()); end $$",
    'setting search_path of the database',
    'not of the migrations: search_path=evil, public',
  ],
  [
    'alter table one_time_tokens disable trigger all',
    'constraint one_time_tokens_user_id_users_id_fk on one_time_tokens enforced',
    'not of the migrations: D',
  ],
  ['create sequence counter', 'sequence counter', 'not of the migrations: bigint from 1 by 1'],
  ["create type mood as enum ('good')", 'type mood', 'not of the migrations: good'],
  [
    'create function mine() returns trigger language plpgsql as $$ begin return new; end $$',
    'function mine()',
    'not of the migrations: CREATE OR REPLACE FUNCTION public.mine()',
  ],
  [
    'create trigger mine before insert on users for each row execute function mine()',
    'trigger mine on users',
    'not of the migrations: CREATE TRIGGER mine BEFORE INSERT ON public.users',
  ],
  ['create rule mine as on delete to roles do nothing', 'rule mine on roles', 'not of the migrations:'],
  [
    'alter table outbox enable row level security',
    'table outbox',
    'is owned by the migrator, row security; should be owned by the migrator',
  ],
  [
    'alter table scan_events set unlogged',
    'table scan_events',
    'is owned by the migrator, not persistent; should be',
  ],
  ['grant truncate on users to itsor_app', 'TRUNCATE of the app on table users', 'not of the migrations'],
  ['grant select on users to public', 'SELECT of everybody on table users', 'not of the migrations'],
  [
    'grant update (email) on users to public',
    'UPDATE of everybody on column users.email',
    'not of the migrations',
  ],
  ['revoke delete on sessions from itsor_app', 'DELETE of the app on table sessions', 'missing'],
  [
    'grant create on schema public to itsor_app',
    'CREATE of the app on schema public',
    'not of the migrations',
  ],
  [
    'grant insert on drizzle.__drizzle_migrations to itsor_app',
    'INSERT of the app on table __drizzle_migrations',
    'not of the migrations',
  ],
  [
    'alter default privileges for role itsor_migrator in schema public grant truncate on tables to itsor_app',
    'TRUNCATE of the app on coming tables of the migrator in public',
    'not of the migrations',
  ],
  [
    "insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)",
    'migrations',
    '1 are none of this code',
  ],
];

for (const kind of ['embedded', 'postgres'] as const) {
  const skipped = kind === 'postgres' && servers.postgres === '';
  describe.skipIf(skipped)(`drift on ${kind}${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`, () => {
    let database: TestDatabase;
    let client: Client;
    beforeAll(async () => {
      database = await startTestDatabase(servers[kind]);
      client = new Client({ connectionString: database.adminUrl });
      await client.connect();
    });
    afterAll(async () => {
      await client.end();
      await database.close();
    });

    test('a fresh database has no drift, for each role that looks', async () => {
      expect(await findDatabaseDrift(client, roles, 'it')).toMatchObject([
        { level: 'ok', check: 'database' },
      ]);
      const app = new URL(database.adminUrl);
      if (kind === 'embedded') app.username = roles.app;
      else app.searchParams.set('options', `-c role=${roles.app}`);
      const reader = new Client({ connectionString: app.href });
      await reader.connect();
      expect(await findDatabaseDrift(reader, roles, 'it')).toMatchObject([{ level: 'ok' }]);
      await reader.end();
    });

    test('the program exits 0 without it and 1 with it, for people and for machines', async () => {
      const url = ['--url', database.adminUrl];
      const clean = await runScript(['scripts/db-drift.ts', ...url]);
      expect(clean.stderr).toMatch(/^… comparing [^\n]+\n$/);
      expect(clean).toMatchObject({ status: 0, stdout: expect.stringContaining('No drift') });
      await client.query('create index mine on users (updated_at)');
      const drifted = await runScript(['scripts/db-drift.ts', '--json', ...url]);
      expect(drifted.status).toBe(1);
      expect(JSON.parse(drifted.stdout)).toMatchObject({
        drift: 1,
        findings: [{ check: 'index mine' }, { level: 'skipped' }],
      });
      await client.query('drop index mine');
    });

    test('each kind of it is named, and nothing else', async () => {
      for (const [statement] of drifts) await client.query(statement);
      const findings = await findDatabaseDrift(client, roles, 'it');
      for (const [statement, check, detail] of drifts) {
        const found = findings.find((finding) => finding.check === check);
        expect(found, statement).toMatchObject({ level: 'failure', detail: expect.stringContaining(detail) });
      }
      // What comes with a table, a view or a sequence of the administrator's: what the app may do with it.
      const others = findings.filter(({ check }) => !drifts.some(([, known]) => known === check));
      expect(others.map(({ check }) => check)).toEqual([]);
    });
  });
}

test('attributes and memberships of the app are drift', async () => {
  const database = await startTestDatabase('');
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  await client.query('alter role itsor_app createdb');
  await client.query('grant itsor_migrator to itsor_app');
  expect(await findDatabaseDrift(client, roles, 'it')).toEqual([
    {
      level: 'failure',
      check: 'role the app',
      detail: 'is creates databases, member of the migrator; should be without',
    },
  ]);
  await client.end();
  await database.close();
});
