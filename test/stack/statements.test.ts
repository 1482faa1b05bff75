import { readdirSync, readFileSync } from 'node:fs';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';
import { statementTable } from '../support/node/statement-table.ts';
import {
  createRecorder,
  type Description,
  describeStatement,
  layOut,
  printRoundTrips,
  type Rendered,
  sampleRow,
} from '../support/node/statements.ts';

const root = new URL('../../', import.meta.url);
const golden = 'test/statements';

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(ending),
  );
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

const cases = statementTable.flatMap(({ folder, cases }) =>
  cases.map(({ name, call }) => ({ file: `${folder}/${name}.sql`, call })),
);

/** What a function sends if each statement has the rows of `answer`; its own refusals do not matter here. */
const record = async (
  call: (typeof cases)[number]['call'],
  answer?: Parameters<typeof createRecorder>[0],
) => {
  const { db, roundTrips } = createRecorder(answer);
  let failure: unknown;
  try {
    await call(db);
  } catch (error) {
    failure = error;
  }
  return { roundTrips, failure };
};

/** The statements that a test has prepared; a transaction of several tries sends the same ones again. */
const firstOf = <T extends readonly Rendered[]>(roundTrips: readonly T[]): T[] => {
  const seen = new Set<string>();
  return roundTrips.filter((trip) => {
    const key = trip.map(({ text }) => text).join(';');
    return !seen.has(key) && seen.add(key);
  });
};

describe('the table of statements', () => {
  test('has every function of every factory of statements', () => {
    const missing = statementTable.flatMap(({ folder, functions, cases }) =>
      functions
        .filter((name) => !cases.some(({ called }) => called === name))
        .map((name) => `${folder}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test('has every file of src that sends statements', () => {
    const source = readFileSync(new URL('test/support/node/statement-table.ts', root), 'utf8');
    const senders = filesIn('src', '.ts').filter((path) =>
      /\bdb\.(?:execute|transaction)\b/.test(readFileSync(new URL(`src/${path}`, root), 'utf8')),
    );
    expect(senders.filter((path) => !source.includes(`/src/${path}'`))).toEqual([]);
  });

  test('has a name of its own for each golden file, and no golden file is left over', () => {
    expect(sorted(cases.map(({ file }) => file))).toHaveLength(cases.length);
    expect(sorted(filesIn(golden, '.sql'))).toEqual(sorted(cases.map(({ file }) => file)));
  });
});

describe('each statement fits the migrated tables', () => {
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

  test.each(cases)(
    '$file is the SQL that runs, and its columns have the types that src reads',
    async ({ file, call }) => {
      const { roundTrips } = await record(call);
      expect(roundTrips).not.toEqual([]);
      const descriptions = new Map<string, Description>();
      for (const { text } of roundTrips.flat()) descriptions.set(text, await describeStatement(client, text));
      const descriptionOf = ({ text }: Rendered): Description => {
        const description = descriptions.get(text);
        if (!description) throw new Error(`an answer has changed the statement: ${text}`);
        return description;
      };

      for (const statement of roundTrips.flat()) {
        const { parameters, columns } = descriptionOf(statement);
        const squeeze = (text: string) => text.split(/\s+/).join(' ').trim();
        expect(squeeze(layOut(statement.text))).toBe(squeeze(statement.text));
        // A Date is sent as text with a zone, which another type than timestamptz would misread.
        statement.values.forEach((value, index) => {
          if (value instanceof Date) expect(parameters[index]).toBe('timestamp with time zone');
        });
        for (const { name, type } of columns) {
          expect(type, name).not.toMatch(/^(?:unknown|numeric|\?\?\?|timestamp without time zone|date)$/);
          // The driver gives a bigint as a string.
          if (type === 'bigint') expect(name).toBe('size');
          if (/_at$|^not_before$/.test(name)) expect(type, name).toMatch(/^timestamp with time zone$/);
        }
      }
      await expect(printRoundTrips(firstOf(roundTrips), descriptionOf)).toMatchFileSnapshot(
        `../statements/${file}`,
      );

      const unknown: string[] = [];
      for (const isTrue of [false, true])
        await record(call, (statement) => [
          sampleRow(descriptionOf(statement), { isTrue, onUnknown: (name) => unknown.push(name) }),
        ]);
      expect(sorted(unknown), 'names that src reads from a row and that are no columns').toEqual([]);
    },
  );
});
