import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNeonEndpoint } from '../../scripts/stack/neon-endpoint.ts';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';

const servers = { embedded: '', postgres: process.env.TEST_DATABASE_URL ?? '' };

for (const kind of ['embedded', 'postgres'] as const) {
  const skipped = kind === 'postgres' && servers.postgres === '';
  describe.skipIf(skipped)(
    `Neon endpoint in front of ${kind}${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`,
    () => {
      let database: TestDatabase;
      const connect = (user: string) =>
        neon(`postgres://${user}:secret@${kind}.localhost/itsor`, { fullResults: true });
      const app = connect('itsor_app');
      const migrator = connect('itsor_migrator');

      beforeAll(async () => {
        database = await startTestDatabase(servers[kind]);
        neonConfig.fetchEndpoint = () => database.endpointUrl;
        await migrator`CREATE TABLE notes (
        id bigint PRIMARY KEY, body text UNIQUE, tags text[], extra jsonb, owner uuid,
        made timestamptz, parent bigint REFERENCES notes DEFERRABLE INITIALLY DEFERRED)`;
      });
      afterAll(() => database?.close());

      test('gives the driver every type as it parses it from Neon', async () => {
        const { rows, fields, command, rowCount } =
          await app`SELECT 1::int AS int, 9007199254740993::bigint AS bigint,
        1.10::numeric AS numeric, true AS bool, timestamptz '2026-01-02 03:04:05.678+00' AS moment,
        '{"a":[1,null]}'::jsonb AS json, ARRAY['a,b','c"d',NULL] AS list,
        '0190a2b3-0000-7000-8000-000000000001'::uuid AS id, '\\x00ff'::bytea AS bytes, NULL AS nothing`;
        expect(rows).toEqual([
          {
            int: 1,
            bigint: '9007199254740993',
            numeric: '1.10',
            bool: true,
            moment: new Date('2026-01-02T03:04:05.678Z'),
            json: { a: [1, null] },
            list: ['a,b', 'c"d', null],
            id: '0190a2b3-0000-7000-8000-000000000001',
            bytes: Buffer.from([0, 255]),
            nothing: null,
          },
        ]);
        expect({ command, rowCount }).toEqual({ command: 'SELECT', rowCount: 1 });
        expect(fields[0]).toMatchObject({ name: 'int', dataTypeID: 23 });
      });

      test('takes parameters of every type as text', async () => {
        const moment = new Date('2026-01-02T03:04:05.678Z');
        const { rows } = await app`SELECT ${7}::int AS int, ${true}::bool AS bool, ${null}::text AS nothing,
        ${['x', 'y,"z', null]}::text[] AS list, ${{ a: 1 }}::jsonb AS json, ${moment}::timestamptz AS moment,
        ${Buffer.from([1, 0, 2])}::bytea AS bytes, ${'naïve 🦉 \'"\\ $1'}::text AS words`;
        expect(rows).toEqual([
          {
            int: 7,
            bool: true,
            nothing: null,
            list: ['x', 'y,"z', null],
            json: { a: 1 },
            moment,
            bytes: Buffer.from([1, 0, 2]),
            words: 'naïve 🦉 \'"\\ $1',
          },
        ]);
      });

      test('counts the rows that a statement changed and names the command', async () => {
        const inserted = await app`INSERT INTO notes (id, body) VALUES (101, 'a'), (102, 'b')`;
        expect(inserted).toMatchObject({ command: 'INSERT', rowCount: 2, rows: [] });
        expect(await app`DELETE FROM notes WHERE id IN (101, 102) RETURNING id`).toMatchObject({
          command: 'DELETE',
          rowCount: 2,
          rows: [{ id: '101' }, { id: '102' }],
        });
      });

      test('answers rows as objects to a client that does not ask for arrays', async () => {
        const response = await fetch(database.endpointUrl, {
          method: 'POST',
          headers: { 'Neon-Connection-String': 'postgres://itsor_app@x/x', 'Neon-Raw-Text-Output': 'true' },
          body: JSON.stringify({ query: 'SELECT $1::int + 1 AS sum', params: [41] }),
        });
        expect(await response.json()).toMatchObject({ rows: [{ sum: '42' }], rowAsArray: false });
      });

      // Proves ASVS 2.3.3.
      test('keeps nothing of a transaction of which one statement fails', async () => {
        const failing = app.transaction([
          app`INSERT INTO notes (id) VALUES (1)`,
          app`INSERT INTO notes (id) VALUES (2), (2)`,
        ]);
        await expect(failing).rejects.toMatchObject({ code: '23505' });
        expect((await app`SELECT id FROM notes`).rows).toEqual([]);
      });

      test('reports what only the commit finds out', async () => {
        await expect(app`INSERT INTO notes (id, parent) VALUES (3, 999)`).rejects.toMatchObject({
          code: '23503',
        });
        expect((await app`SELECT id FROM notes`).rows).toEqual([]);
      });

      test('opens a transaction with the isolation and access that are asked for', async () => {
        const options = { isolationLevel: 'Serializable', readOnly: true, deferrable: true } as const;
        const show = ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'];
        const results = await app.transaction(
          show.map((name) => app.query(`SHOW ${name}`)),
          options,
        );
        expect(results.flatMap(({ rows }) => rows.map((row) => Object.values(row)[0]))).toEqual([
          'serializable',
          'on',
          'on',
        ]);
        const writing = app.transaction([app`INSERT INTO notes (id) VALUES (4)`], { readOnly: true });
        await expect(writing).rejects.toMatchObject({ code: '25006' });
      });

      test("carries the fields of Postgres' own error", async () => {
        const twice = () => app`INSERT INTO notes (id, body) VALUES (5, 'same'), (6, 'same')`;
        await expect(twice()).rejects.toBeInstanceOf(NeonDbError);
        await expect(twice()).rejects.toMatchObject({
          message: 'duplicate key value violates unique constraint "notes_body_key"',
          severity: 'ERROR',
          code: '23505',
          schema: 'public',
          table: 'notes',
          constraint: 'notes_body_key',
          detail: 'Key (body)=(same) already exists.',
          routine: '_bt_check_unique',
        });
        await expect(app`SELEC 1`).rejects.toMatchObject({ code: '42601', position: '1' });
        await expect(app`SELECT ${'x'}::int`).rejects.toMatchObject({ code: '22P02' });
        await expect(app.query('SELECT $1::int, $2::int', ['1'])).rejects.toMatchObject({ code: '08P01' });
      });

      test('works on after every kind of refusal', async () => {
        for (const query of ['SELECT 1/0', 'nonsense', 'SELECT * FROM missing', 'COMMIT; SELECT 1']) {
          await expect(app.query(query)).rejects.toBeInstanceOf(NeonDbError);
          expect((await app`SELECT current_user AS who`).rows).toEqual([{ who: 'itsor_app' }]);
        }
      });

      test('acts as the user of the connection string and as nobody else', async () => {
        expect((await app`SELECT current_user AS who`).rows).toEqual([{ who: 'itsor_app' }]);
        expect((await migrator`SELECT current_user AS who`).rows).toEqual([{ who: 'itsor_migrator' }]);
        await expect(app`CREATE TABLE mine (id int)`).rejects.toMatchObject({ code: '42501' });
        await expect(connect('nobody')`SELECT 1`).rejects.toMatchObject({ code: '28000' });
        await expect(connect('none')`SELECT 1`).rejects.toMatchObject({ code: '28000' });
        await expect(connect('a%22%3b%20DROP%20TABLE%20notes%3b--')`SELECT 1`).rejects.toMatchObject({
          code: '28000',
        });
      });

      test('serves fifty requests at once, each its own answer', async () => {
        const before = database.roundTrips();
        const numbers = Array.from({ length: 50 }, (_, index) => index);
        const answers = await Promise.all(numbers.map((number) => app`SELECT ${number}::int AS number`));
        expect(answers.map(({ rows }) => rows[0]?.number)).toEqual(numbers);
        expect(database.roundTrips() - before).toBe(50);
        const counted = await fetch(new URL('/round-trips', database.endpointUrl));
        expect(await counted.json()).toEqual({ count: database.roundTrips() });
      });

      test('refuses a NUL and a lone surrogate without harm to what follows', async () => {
        await expect(app`SELECT ${'a\0b'}::text`).rejects.toMatchObject({ code: '22021' });
        await expect(app.query("SELECT 'a\0b'")).rejects.toThrow('NUL');
        await expect(app`SELECT ${'\ud800'}::text`).rejects.toThrow('surrogate');
        expect((await app`SELECT 1 AS one`).rows).toEqual([{ one: 1 }]);
      });

      test('refuses what is not the protocol, and a body beyond the bound', async () => {
        const post = (body: string, headers: Record<string, string> = {}) =>
          fetch(database.endpointUrl, {
            method: 'POST',
            body,
            headers: { 'Neon-Raw-Text-Output': 'true', ...headers },
          });
        const asApp = { 'Neon-Connection-String': 'postgres://itsor_app@x/x' };
        expect((await post('{', asApp)).status).toBe(400);
        expect((await post('{"query":1}', asApp)).status).toBe(400);
        expect((await post('{"query":"SELECT 1"}')).status).toBe(400);
        expect(
          (await post('{"query":"SELECT 1"}', { 'Neon-Connection-String': 'mysql://a@b/c' })).status,
        ).toBe(400);
        expect((await post(`"${'x'.repeat(11 * 1024 * 1024)}"`, asApp)).status).toBe(413);
        expect((await fetch(new URL('/', database.endpointUrl))).status).toBe(404);
      });

      test('survives clients that hang up', async () => {
        const impatient = Array.from({ length: 5 }, () =>
          app
            .query('SELECT pg_sleep(0.05)', [], { fetchOptions: { signal: AbortSignal.timeout(5) } })
            .catch(() => null),
        );
        await Promise.all(impatient);
        expect((await app`SELECT 1 AS one`).rows).toEqual([{ one: 1 }]);
      });
    },
  );
}

test('a server that cannot be reached is 503, and no answer of Postgres', async () => {
  const databaseUrl = `postgres://a:b@127.0.0.1:${await findFreePort()}/c`;
  const endpoint = await startNeonEndpoint({ databaseUrl });
  neonConfig.fetchEndpoint = () => endpoint.url;
  const failure = neon('postgres://a:b@db.localhost/c')`SELECT 1`;
  await expect(failure).rejects.toMatchObject({
    message: expect.stringContaining('HTTP status 503'),
    code: undefined,
  });
  await endpoint.close();
});

test.skipIf(servers.postgres === '')(
  `a connection that breaks is 503, and the next request gets another${servers.postgres === '' ? ' (TEST_DATABASE_URL is unset)' : ''}`,
  async () => {
    const endpoint = await startNeonEndpoint({ databaseUrl: servers.postgres });
    neonConfig.fetchEndpoint = () => endpoint.url;
    const sql = neon(`postgres://${new URL(servers.postgres).username}:x@db.localhost/c`);
    await expect(sql`SELECT pg_terminate_backend(pg_backend_pid())`).rejects.toThrow('HTTP status 503');
    expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]);
    await endpoint.close();
  },
);
