import { readdirSync, readFileSync } from 'node:fs';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/platform/db/client.ts';
import { AppError } from '../../src/platform/errors.ts';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';
import { statementTable } from '../support/node/statement-table.ts';
import {
  createRecorder,
  type Description,
  describeStatement,
  layOut,
  printRoundTrips,
  type Rendered,
  type RoundTrip,
  sampleRow,
} from '../support/node/statements.ts';

const root = new URL('../../', import.meta.url);

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(ending),
  );
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();
const squeezed = (text: string): string => text.split(/\s+/).join(' ').trim();

type Case = readonly [file: string, call: (db: Database) => unknown];

const cases: readonly Case[] = statementTable.flatMap(({ folder, cases }) =>
  cases.map(({ name, call }): Case => [`${folder}/${name}.sql`, call]),
);

/** What a function sends, and how it fails. One that tries again sends the same statements, which count once. */
const record = async (call: Case[1], answer?: Parameters<typeof createRecorder>[0]) => {
  const { db, roundTrips } = createRecorder(answer);
  const failure = await (async () => call(db))().then(
    () => null,
    (error: unknown) => error,
  );
  const byText = new Map(
    roundTrips.map((trip): [string, RoundTrip] => [JSON.stringify(trip.map(({ text }) => text)), trip]),
  );
  return { roundTrips: [...byText.values()], failure };
};

describe('the table of statements', () => {
  test('the table calls every function of every factory', () => {
    const missing = statementTable.flatMap(({ folder, functions, cases }) =>
      functions
        .filter((name) => !cases.some(({ called }) => called === name))
        .map((name) => `${folder}: ${name}`),
    );
    expect(missing, 'functions without an entry in test/support/node/statement-table.ts').toEqual([]);
  });

  test('the table imports every file of src that asks the database', () => {
    const table = textOf('test/support/node/statement-table.ts');
    // A fork has golden files of its own, or none.
    const senders = filesIn('src', '.ts').filter(
      (path) => !path.startsWith('fork/') && /\bdb\.(?:execute|transaction)\b/.test(textOf(`src/${path}`)),
    );
    const missing = senders.filter((path) => !table.includes(`/src/${path}'`));
    expect(missing, 'files without a group in test/support/node/statement-table.ts').toEqual([]);
  });

  test('every golden file belongs to one case of the table', () => {
    const expected = cases.map(([file]) => file);
    expect(sorted(expected)).toHaveLength(expected.length);
    const hint = 'vitest run --project unit test/unit/statements.test.ts -u writes the files of new cases';
    expect(sorted(filesIn('test/statements', '.sql')), hint).toEqual(sorted(expected));
  });
});

/** What a session gate remembers of an account, by the columns of `users`. */
const remembered =
  /\b(?:email|email_verified_at|username|disabled_at|must_change_password|password_changed_at) =/;
const changesAccounts = (text: string): boolean =>
  /update sessions\b[^;]*?\brevoked_at =/.test(text) ||
  /delete from (?:users|user_roles)\b/.test(text) ||
  /insert into user_roles\b/.test(text) ||
  [...text.matchAll(/update users\b(?: account)?\s+set\s([\s\S]*?)\b(?:from|where)\b/g)].some(
    ([, set = '']) => remembered.test(set),
  );

/** Statements that write such things and need to tell no gate. */
const untold: Readonly<Record<string, string>> = {
  'accounts/create.sql': 'nobody has a token of a new account',
  'accounts/create-verified.sql': 'nobody has a token of a new account',
  'accounts/register.sql': 'nobody has a token of a new account',
  'administration/create.sql': 'nobody has a token of a new account',
  'administration/create-invited.sql': 'nobody has a token of a new account',
  'administration/operators/create.sql':
    'a program, which reaches no gate: SESSION_CACHE_SECONDS is the bound',
  'administration/operators/appoint.sql':
    'a program, which reaches no gate: SESSION_CACHE_SECONDS is the bound',
};

describe('statements that change an account', () => {
  const writing = filesIn('test/statements', '.sql').filter((file) =>
    changesAccounts(textOf(`test/statements/${file}`)),
  );

  test('many are found', () => {
    expect(writing.length).toBeGreaterThan(20);
    expect(Object.keys(untold).filter((file) => !writing.includes(file))).toEqual([]);
  });

  test.each(writing.filter((file) => !(file in untold)))('%s tells whose account it is', (file) => {
    expect(textOf(`test/statements/${file}`)).toMatch(/^-- {3}changed_accounts +uuid\[\]$/m);
  });
});

describe('statements and the migrated tables', () => {
  let database: TestDatabase;
  let client: Client;

  beforeAll(async () => {
    database = await startTestDatabase();
    client = new Client({ connectionString: database.migratorUrl });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await database?.close();
  });

  test('each foreign key has an index by which a deletion finds its rows', async () => {
    const { rows } = await client.query(`
      select conrelid::regclass || ' (' || attname || ')' as foreign_key
      from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
      where contype = 'f' and not exists (
        select from pg_index where indrelid = conrelid and indkey[0] = conkey[1] and indpred is null)`);
    expect(rows).toEqual([]);
  });

  test.each(cases)(
    'PostgreSQL prepares the statements of %s, and src reads columns that exist',
    async (file, call) => {
      const { roundTrips } = await record(call);
      const statements = roundTrips.flat();
      expect(statements).not.toEqual([]);
      const descriptions = new Map<string, Description>();
      for (const { text } of statements) descriptions.set(text, await describeStatement(client, text));
      const descriptionOf = ({ text }: Rendered): Description => {
        const description = descriptions.get(text);
        if (!description) throw new Error(`an answer has led to another statement: ${text}`);
        return description;
      };

      for (const { text, values } of statements) {
        expect(squeezed(layOut(text))).toBe(squeezed(text));
        const { parameters, columns } = descriptionOf({ text, values });
        // A Date travels as a text with a zone, which every other type would drop.
        expect(parameters.filter((_, index) => values[index] instanceof Date)).toEqual(
          values.filter((value) => value instanceof Date).map(() => 'timestamp with time zone'),
        );
        for (const { name, type } of columns) {
          expect(type, name).not.toMatch(/^(?:unknown|numeric|date|timestamp without time zone)$/);
          if (/_at$|^not_before$/.test(name)) expect(type, name).toBe('timestamp with time zone');
          // The driver gives a bigint as a text, which only the size of an upload expects.
          if (type === 'bigint') expect(name).toBe('size');
        }
      }
      await expect(printRoundTrips(roundTrips, descriptionOf)).toMatchFileSnapshot(`../statements/${file}`);

      // A row that tells what is read from it; its booleans lead to one branch and then to the other.
      const unknown: string[] = [];
      for (const isTrue of [false, true]) {
        const { failure } = await record(call, (statement) => [
          sampleRow(descriptionOf(statement), { isTrue, onUnknown: (name) => unknown.push(name) }),
        ]);
        if (!(failure instanceof AppError)) expect(failure).toBeNull();
      }
      expect(unknown).toEqual([]);
    },
  );
});
