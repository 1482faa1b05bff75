import { PgDialect } from 'drizzle-orm/pg-core';
import type { Client, Connection } from 'pg';
import type { Database } from '../../../src/platform/db/client.ts';

/** A statement as it is sent. */
export type Rendered = { readonly text: string; readonly values: readonly unknown[] };
/** The statements of one round trip: one, or those of a transaction. */
export type RoundTrip = readonly Rendered[];

type Row = Record<string, unknown>;
type Answer = (statement: Rendered) => Row[];

/** A database that keeps what it is asked, and gives each statement the rows of `answer`. */
export const createRecorder = (answer: Answer = () => []) => {
  const dialect = new PgDialect();
  const roundTrips: RoundTrip[] = [];
  const ask = (statements: readonly Parameters<Database['execute']>[1][]): Row[][] => {
    const rendered = statements.map((statement) => {
      const { sql, params } = dialect.sqlToQuery(statement);
      return { text: sql, values: params };
    });
    roundTrips.push(rendered);
    return rendered.map(answer);
  };
  const db: Database = {
    execute: async (_, statement) => (ask([statement])[0] ?? []) as never,
    transaction: async (_, statements) => ask(statements),
  };
  return { db, roundTrips };
};

export type Column = { readonly name: string; readonly type: string };
/** What PostgreSQL says of a statement that it has prepared. */
export type Description = { readonly parameters: readonly string[]; readonly columns: readonly Column[] };

type RowDescription = { readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[] };

/** Parses and plans a statement without types for its parameters, as the driver sends it, and runs nothing. */
const prepare = (client: Client, text: string) =>
  new Promise<{ parameters: readonly number[]; fields: RowDescription['fields'] }>((resolve, reject) => {
    let parameters: readonly number[] = [];
    let fields: RowDescription['fields'] = [];
    client.query({
      submit: (connection: Connection) => {
        connection.once('parameterDescription', (message: { dataTypeIDs: number[] }) => {
          parameters = message.dataTypeIDs;
        });
        connection.parse({ name: '', text, types: [] }, true);
        connection.describe({ type: 'S' }, true);
        connection.sync();
      },
      handleRowDescription: (message: RowDescription) => {
        fields = message.fields;
      },
      handleError: reject,
      handleReadyForQuery: () => resolve({ parameters, fields }),
    });
  });

/** @throws DatabaseError for a statement that does not fit the tables */
export const describeStatement = async (client: Client, text: string): Promise<Description> => {
  const { parameters, fields } = await prepare(client, text);
  const ids = [...parameters, ...fields.map(({ dataTypeID }) => dataTypeID)];
  const { rows } = await client.query<{ type: string }>(
    `select format_type(id, null) as type from unnest($1::oid[]) with ordinality listed (id, place) order by place`,
    [ids],
  );
  const types = rows.map(({ type }) => type);
  return {
    parameters: types.slice(0, parameters.length),
    columns: fields.map(({ name }, index) => ({ name, type: types[parameters.length + index] ?? '' })),
  };
};

const maxWidth = 118;
const clause =
  /^\(?(?:with|select|from|where|insert|values|update|delete|returning|union|group|having|order|for|on conflict|left join|join|\S+ as \(|\)|--)/;
/** A line may end before these words, and after a comma. */
const breakable =
  / (?=(?:and|or|from|where|join|left|cross|when|else|union|order|limit|returning) )|(?<=,) /g;

/** The line without its comment, and with its literals blanked out. */
const codeOf = (line: string): string =>
  line.replaceAll(/'[^']*'/g, (literal) => 'x'.repeat(literal.length)).replace(/--.*/, '');
const depthOf = (code: string): number => code.split('(').length - code.split(')').length;

/** Where a line that is too wide ends: as far out of parentheses as possible, and then as late as possible. */
const endOf = (line: string, width: number): number => {
  const code = codeOf(line);
  if (line.length <= width) return line.length;
  const ends = [...code.matchAll(breakable)].map(({ index }) => ({
    index,
    depth: depthOf(code.slice(0, index)),
  }));
  const [best] = ends
    .filter(({ index }) => index <= width)
    .sort((one, other) => one.depth - other.depth || other.index - one.index);
  return (best ?? ends[0])?.index ?? line.length;
};

/** The same text with other white space: a line is as deep as its parentheses, and not too wide to read. */
export const layOut = (text: string): string => {
  const waiting = text.split('\n').reverse();
  const indents = [0];
  const lines: string[] = [];
  for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) {
    line = line.trim();
    if (line === '') continue;
    const closed = /^\)*/.exec(line)?.[0].length ?? 0;
    const outer = indents.at(-1 - closed) ?? 0;
    const indent = clause.test(line) ? outer : outer + 2;
    const end = endOf(line, maxWidth - indent);
    if (end < line.length) waiting.push(line.slice(end));
    const part = line.slice(0, end);
    lines.push(' '.repeat(indent) + part);
    for (const [bracket] of codeOf(part).matchAll(/[()]/g)) {
      if (bracket === '(') indents.push(Math.min(indent, (indents.at(-1) ?? 0) + 2) + 2);
      else indents.pop();
    }
  }
  return lines.join('\n');
};

const printed = (value: unknown): string => {
  const text =
    value instanceof Date
      ? value.toISOString()
      : typeof value === 'string'
        ? `'${value}'`
        : JSON.stringify(value);
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
};

const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    `--   ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
};

/** A statement for a person to read: its text, and below it the types of its columns and of its parameters. */
const print = ({ text, values }: Rendered, { columns, parameters }: Description): string =>
  [
    `${layOut(text)};`,
    ...(columns.length === 0 ? [] : ['-- columns', ...table(columns.map(({ name, type }) => [name, type]))]),
    ...(parameters.length === 0
      ? []
      : [
          '-- parameters',
          ...table(parameters.map((type, index) => [`$${index + 1}`, type, printed(values[index])])),
        ]),
  ].join('\n');

/** A golden file: the statements of a function, in the order in which they are sent. */
export const printRoundTrips = (
  roundTrips: readonly RoundTrip[],
  descriptionOf: (statement: Rendered) => Description,
): string => {
  const printedTrips = roundTrips.map((trip) => {
    const statements = trip.map((statement) => print(statement, descriptionOf(statement)));
    return trip.length === 1 ? statements.join('') : ['begin;', ...statements, 'commit;'].join('\n\n');
  });
  return `${printedTrips.join('\n\n')}\n`;
};

/** A row with a value of its type in each column. Reading another name than a column's fails. */
export const sampleRow = (
  { columns }: Description,
  { isTrue, onUnknown }: { readonly isTrue: boolean; readonly onUnknown: (name: string) => void },
): Row => {
  const sampleOf = ({ name, type }: Column): unknown => {
    if (name === 'refusal') return null;
    if (type === 'boolean') return isTrue;
    if (type.endsWith('[]')) return [];
    if (type.startsWith('timestamp')) return new Date(0);
    if (type === 'integer' || type.startsWith('double')) return 1;
    if (type.startsWith('json')) return name === 'records' ? [] : {};
    return '1';
  };
  return new Proxy(Object.fromEntries(columns.map((column) => [column.name, sampleOf(column)])), {
    get: (row, name) => {
      if (typeof name === 'string' && name !== 'then' && !Object.hasOwn(row, name)) onUnknown(name);
      return row[name as string];
    },
  });
};
