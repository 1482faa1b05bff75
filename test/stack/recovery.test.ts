import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backUp } from '../../scripts/recovery/backup-file.ts';
import { appliedMigrations, bundledMigrations, migrateTo } from '../../scripts/recovery/migrations.ts';
import { restore } from '../../scripts/recovery/restore.ts';
import { readAllContents } from '../../scripts/recovery/tables.ts';
import { localRoles } from '../../scripts/stack/database-plan.ts';
import { applyRoles } from '../../scripts/stack/roles.ts';
import { createDatabase, type Database, openInMemory } from '../support/node/database.ts';
import { fillWithSamples } from '../support/node/sample-accounts.ts';

const serverUrl = process.env.TEST_DATABASE_URL ?? '';
const kinds = { embedded: openInMemory, postgres: () => createDatabase(serverUrl) };

/** Values that a careless copy loses. */
const hardValues = `
  create table hard (
    id bigint generated always as identity primary key,
    parent bigint references hard (id), counter serial, bytes bytea, document jsonb, instant timestamptz, day date,
    span interval, number numeric, double float8, network inet, words text[], text text, fixed char(5),
    doubled numeric generated always as (number * 2) stored);
  insert into hard (parent, bytes, document, instant, day, span, number, double, network, words, text, fixed) values
    (2, '\\x00ff0a5c', '{"a": [1.50, "\\u2028\\"\\\\"], "e": null}', '2026-03-29 01:30:00.123456+01', '0044-03-15 BC', '1 mon -2 days 03:04:05.678901',
     1234567890123456789012345678901234567890.0100, 0.1::float8 + 0.2::float8, '2001:db8::/32', '{"a,b",NULL,"","\\"q\\"","{}"}', E'line\\nbreak\\r\\t\\\\ \\u2028 \\U0001F98A Zo\\u00eb', 'ab'),
    (1, '', 'null', 'infinity', 'infinity', '0', 'NaN', '-Infinity', '10.0.0.1', '{}', '', ''),
    (null, null, null, null, null, null, null, null, null, null, null, null);
  create function stamp() returns trigger language plpgsql as $$ begin new.text := 'touched'; return new; end $$;
  create trigger stamp before insert on hard for each row execute function stamp();`;

/** A file whose last line is right, whatever the others say. */
const sealed = (lines: readonly string[]): Buffer => {
  const body = `${lines.join('\n')}\n`;
  const end = JSON.stringify({ end: createHash('sha256').update(body).digest('hex') });
  return gzipSync(`${body}${end}\n`);
};

for (const kind of ['embedded', 'postgres'] as const) {
  const skipped = kind === 'postgres' && serverUrl === '';
  describe.skipIf(skipped)(`recovery on ${kind}${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`, () => {
    let directory: string;
    let file: string;
    let source: Client;
    let ofSource: (() => Promise<unknown>)[] = [];
    let closing: (() => Promise<unknown>)[] = [];
    const closeAll = async () => {
      for (const close of closing) await close();
      closing = [];
    };

    type Place = { client: Client; database: Database; url: string; place: string; appUser: string };

    const open = async (migrations: number | null = bundledMigrations().length): Promise<Place> => {
      const database = await kinds[kind]();
      closing.unshift(database.close);
      await applyRoles(database.adminUrl, localRoles);
      if (migrations !== null) await migrateTo(database.migratorUrl, migrations);
      const client = new Client({ connectionString: database.migratorUrl });
      await client.connect();
      closing.unshift(() => client.end());
      return { client, database, url: database.migratorUrl, place: 'the place', appUser: 'itsor_app' };
    };

    const back = (client: Client, path = file) =>
      backUp(client, 'the place', createWriteStream(path, { mode: 0o600 }));
    const bring = (to: Place, { path = file, replace = false } = {}) =>
      restore(to.client, to, path, { replace });

    beforeAll(async () => {
      const place = await open();
      source = place.client;
      await fillWithSamples(source, 20);
      [ofSource, closing] = [closing, []];
    });
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'itsor-'));
      file = join(directory, 'backup');
    });
    afterEach(async () => {
      await closeAll();
      await rm(directory, { recursive: true });
    });
    afterAll(async () => {
      for (const close of ofSource) await close();
    });

    test('brings back every table as it was, into an empty database and into a migrated one', async () => {
      const { tables } = await back(source);
      expect(tables.find(({ name }) => name === 'users')?.rows).toBe(20);
      for (const migrations of [null, bundledMigrations().length]) {
        const target = await open(migrations);
        await bring(target);
        expect(await readAllContents(target.client)).toEqual(await readAllContents(source));
        expect(await appliedMigrations(target.client)).toEqual(bundledMigrations());
      }
    });

    test('brings back every value to the byte, rows that refer to each other, sequences and triggers', async () => {
      const [from, to] = [await open(), await open()];
      for (const { client } of [from, to]) await client.query(hardValues);
      await from.client.query("select nextval('hard_counter_seq')");
      await back(from.client);
      await bring(to, { replace: true });

      const asText = 'select h::text as line, doubled::text from hard h order by id';
      expect((await to.client.query(asText)).rows).toEqual((await from.client.query(asText)).rows);
      const { rows } = await to.client.query(
        'insert into hard default values returning id, counter, text, (select count(*)::int from hard) as others',
      );
      expect(rows).toEqual([{ id: '4', counter: 5, text: 'touched', others: 3 }]);
      const { rows: keys } = await to.client.query(
        "select count(*)::int as n from pg_constraint where condeferrable and connamespace = 'public'::regnamespace",
      );
      expect(keys).toEqual([{ n: 0 }]);
      await expect(to.client.query('update hard set parent = 99')).rejects.toMatchObject({ code: '23503' });
    });

    // The embedded one has a single session, to which no lock is another's.
    test.skipIf(kind === 'embedded')('of two at once the second is refused in a sentence', async () => {
      await back(source);
      const target = await open(null);
      const other = new Client({ connectionString: target.url });
      await other.connect();
      closing.unshift(() => other.end());
      const settled = await Promise.allSettled([bring(target), bring({ ...target, client: other })]);
      const refused = settled.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
      expect(refused).toEqual([expect.stringMatching(/Another restore is under way .* Nothing was changed/)]);
      expect(await readAllContents(target.client)).toEqual(await readAllContents(source));
    });

    test('leaves the app its rights, and no more', async () => {
      await back(source);
      const target = await open(null);
      await bring(target);
      const { rows } = await target.client.query(
        `select has_table_privilege('itsor_app', 'users', 'SELECT, INSERT, UPDATE, DELETE') as rows,
           has_table_privilege('itsor_app', 'users', 'TRUNCATE') as more`,
      );
      expect(rows).toEqual([{ rows: true, more: false }]);
    });

    test('is refused where there are rows, a second restore too, and changes nothing there', async () => {
      await back(source);
      const target = await open();
      await bring(target);
      await target.client.query("update users set username = 'newer' where email = 'sample1@example.com'");
      const before = await readAllContents(target.client);
      await expect(bring(target)).rejects.toThrow(
        /^the place is not empty: there are rows in audit_events, .*users/,
      );
      expect(await readAllContents(target.client)).toEqual(before);
      await bring(target, { replace: true });
      expect(await readAllContents(target.client)).toEqual(await readAllContents(source));
    });

    test('knows which rows are those of the migrations', async () => {
      const { client } = await open();
      const { rows } = await client.query('select name from roles order by name');
      expect(rows).toEqual([{ name: 'admin' }, { name: 'user' }]);
      const contents = await readAllContents(client);
      expect([...contents].filter(([, { rows }]) => rows > 0).map(([name]) => name)).toEqual(['roles']);
    });

    test('a file that is damaged, cut off, changed or of somebody else is refused before anything is touched', async () => {
      await back(source);
      const whole = await readFile(file);
      const text = gunzipSync(whole).toString();
      const flipped = Buffer.from(whole);
      flipped[Math.floor(whole.length / 2)] = (flipped[Math.floor(whole.length / 2)] ?? 0) ^ 1;
      const lines = text.trimEnd().split('\n');
      const isRow = (line: string) => line.startsWith('[');
      const first = lines.findIndex(isRow);
      const files: [string, Buffer][] = [
        ['a bit is wrong', flipped],
        ['the end is missing', whole.subarray(0, whole.length - 20)],
        ['it is empty', Buffer.alloc(0)],
        ['half of the lines are missing', gzipSync(lines.slice(0, lines.length / 2).join('\n'))],
        ['the last line is missing', gzipSync(`${lines.slice(0, -1).join('\n')}\n`)],
        ['a row is missing', gzipSync(`${lines.toSpliced(first, 1).join('\n')}\n`)],
        ['a row is missing in a table that counts it', sealed(lines.slice(0, -1).toSpliced(first, 1))],
        ['a value is another', gzipSync(text.replace('sample1@example.com', 'sample1@example.org'))],
        [
          'a sequence is another',
          gzipSync(text.replace('"sequences":[', '"sequences":[{"name":"x","last":"1"}')),
        ],
        ['there is something after the end', gzipSync(`${text}{}\n`)],
        ['it is something else', gzipSync('select 1;\n')],
        ['it is text', Buffer.from('select 1;\n')],
        ['it is of a format to come', gzipSync(text.replace('itsor-backup-1', 'itsor-backup-2'))],
      ];
      const target = await open(null);
      for (const [flaw, bytes] of files) {
        await writeFile(file, bytes);
        await expect(bring(target), flaw).rejects.toThrow(/damaged|no backup of Itsor/);
      }
      await expect(bring(target, { path: join(directory, 'none') })).rejects.toThrow('There is no file');
      expect(await appliedMigrations(target.client)).toEqual([]);
    });

    test('a restore that fails in the middle leaves the database as it was', async () => {
      await back(source);
      const target = await open();
      await fillWithSamples(target.client, 3);
      await target.client.query("delete from users where email = 'sample1@example.com'");
      await target.client.query("alter table users add check (email <> 'sample1@example.com')");
      const before = await readAllContents(target.client);
      await expect(bring(target, { replace: true })).rejects.toMatchObject({ code: '23514' });
      expect(await readAllContents(target.client)).toEqual(before);
      const { rows } = await target.client.query(
        'select count(*)::int as n from pg_constraint where condeferrable',
      );
      expect(rows[0]).toEqual({ n: 0 });
    });

    test('rows that a rule of the database changes on their way are noticed', async () => {
      await back(source);
      const target = await open();
      await target.client.query('create rule mine as on insert to outbox do instead nothing');
      await expect(bring(target)).rejects.toThrow('The rows of outbox did not come back');
      expect((await target.client.query('select from users')).rowCount).toBe(0);
    });

    test('an older backup gets its own migrations, and then the newer ones', async () => {
      const older = await open(bundledMigrations().length - 1);
      // The samples are of the newest tables.
      await older.client.query(
        `insert into users (id, email, created_at, updated_at)
         select gen_random_uuid(), 'older' || n || '@example.com', now(), now() from generate_series(1, 3) n`,
      );
      await back(older.client);
      await expect(bring(await open())).rejects.toThrow(/restore into an empty database/);
      const target = await open(null);
      await bring(target);
      expect(await appliedMigrations(target.client)).toEqual(bundledMigrations());
      expect((await target.client.query('select from users')).rowCount).toBe(3);
    });

    test('a newer backup, foreign tables and other columns are refused', async () => {
      await back(source);
      const text = gunzipSync(await readFile(file)).toString();
      const foreign = await open(null);
      await foreign.client.query('create table theirs (id int)');
      await expect(bring(foreign)).rejects.toThrow('tables and no migrations');

      const drifted = await open();
      await drifted.client.query('alter table users add column extra text');
      await expect(bring(drifted)).rejects.toThrow('npm run db:drift');

      const [header = '', ...rest] = text.split('\n');
      const { migrations, ...more } = JSON.parse(header);
      const newer = JSON.stringify({ ...more, migrations: [...migrations, randomBytes(32).toString('hex')] });
      await writeFile(file, sealed([newer, ...rest.slice(0, -2)]));
      await expect(bring(await open(null))).rejects.toThrow('migrations that this version of Itsor lacks');
    });

    // A transaction pooler hands the connection on to others, and with it what a session holds.
    test('a restore leaves no lock on its connection', async () => {
      await back(source);
      const target = await open(null);
      await bring(target);
      const held = await target.client.query("select from pg_locks where locktype = 'advisory'");
      expect(held.rowCount).toBe(0);
    });

    test("the app's role cannot restore, and hears whose role can", async () => {
      await back(source);
      const target = await open();
      const app = new URL(target.database.adminUrl);
      if (kind === 'embedded') app.username = 'itsor_app';
      else app.searchParams.set('options', '-c role=itsor_app');
      const client = new Client({ connectionString: app.href });
      closing.unshift(() => client.end());
      await client.connect();
      await expect(restore(client, target, file, { replace: false })).rejects.toThrow(
        'does not own the tables',
      );
    });

    // The embedded database lets one transaction through at a time: there, others wait.
    test.skipIf(kind === 'embedded')('what is written meanwhile is in it wholly or not at all', async () => {
      const place = await open();
      await fillWithSamples(place.client, 3);
      const writer = new Client({ connectionString: place.database.adminUrl });
      await writer.connect();
      const before = await readAllContents(place.client);
      let writes = 0;
      const query = place.client.query.bind(place.client) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(place.client, {
        query: async (...args: unknown[]) => {
          if (typeof args[0] === 'string' && args[0].startsWith('declare')) {
            await writer.query(`with u as (insert into users (id, email, created_at, updated_at)
                values (gen_random_uuid(), 'late${writes++}@example.com', now(), now()) returning id)
              insert into user_roles select id, 'user' from u`);
          }
          return query(...args);
        },
      });
      const { tables } = await back(place.client);
      Object.assign(place.client, { query });
      expect(writes).toBe(tables.length);
      expect(new Map(tables.map(({ name, rows, sha256 }) => [name, { rows, sha256 }]))).toEqual(before);
      await writer.end();
      await bring(await open(null));
    });
  });
}
