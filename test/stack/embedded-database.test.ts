import { neon, neonConfig } from '@neondatabase/serverless';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';

let database: TestDatabase;
const open: Client[] = [];
const connect = async (url: string) => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  open.push(client);
  return client;
};

beforeAll(async () => {
  database = await startTestDatabase('');
  neonConfig.fetchEndpoint = () => database.endpointUrl;
  const migrator = await connect(database.migratorUrl);
  await migrator.query('CREATE TABLE ledger (entry text)');
});
afterAll(async () => {
  for (const client of open) await client.end();
  await database.close();
});

const entries = async () => {
  const rows = await neon(
    'postgres://itsor_app:x@db.localhost/itsor',
  )`SELECT entry FROM ledger ORDER BY entry`;
  return rows.map(({ entry }) => entry);
};

test('a connection to the embedded database acts as the user that it names, and an unknown user is refused', async () => {
  const [admin, migrator] = [await connect(database.adminUrl), await connect(database.migratorUrl)];
  const who = 'SELECT session_user AS who';
  expect((await migrator.query(who)).rows).toEqual([{ who: 'itsor_migrator' }]);
  expect((await admin.query(who)).rows).toEqual([{ who: 'postgres' }]);
  const unknown = new Client({ connectionString: database.adminUrl.replace('postgres@', 'nobody@') });
  await expect(unknown.connect()).rejects.toMatchObject({ code: '28000' });
});

test('a transaction of the embedded database is not mixed with the statements of other connections', async () => {
  const [one, other] = [await connect(database.migratorUrl), await connect(database.migratorUrl)];
  await one.query('BEGIN');
  await one.query("INSERT INTO ledger VALUES ('withdrawn')");
  const meanwhile = Promise.all([other.query("INSERT INTO ledger VALUES ('kept')"), entries()]);
  await one.query('SELECT $1::text', ['still mine']);
  await one.query('ROLLBACK');
  await meanwhile;
  expect(await entries()).toEqual(['kept']);
});

test('the embedded database rolls back the transaction of a client that has gone', async () => {
  const leaver = await connect(database.migratorUrl);
  await leaver.query('BEGIN');
  await leaver.query('DELETE FROM ledger');
  await leaver.end();
  expect(await entries()).toEqual(['kept']);
});

test('the embedded database keeps the parts of concurrent parameterised queries together', async () => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect(database.migratorUrl)));
  const ask = async (client: Client, index: number) => {
    for (let turn = 0; turn < 20; turn++) {
      const { rows } = await client.query('SELECT $1::int AS n', [index * 100 + turn]);
      expect(rows).toEqual([{ n: index * 100 + turn }]);
    }
  };
  await Promise.all(clients.map(ask));
});
