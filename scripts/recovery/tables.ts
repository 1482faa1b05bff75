import { createHash } from 'node:crypto';
import { type Client, escapeIdentifier } from 'pg';

export type Column = { readonly name: string; readonly type: string };

export type Table = {
  readonly name: string;
  /** Without generated columns, which the database computes again. */
  readonly columns: readonly Column[];
  /** As SQL: the same order on every server, whatever its collation. */
  readonly order: string;
};

/** The number of a table's rows, and the SHA-256 (hex) of their lines. */
export type Contents = { readonly rows: number; readonly sha256: string };

export const qualified = (name: string): string => `public.${escapeIdentifier(name)}`;

/** Tables of extensions belong to the extension; a partition's rows are read through the whole. */
const tables = `
  select c.relname as name,
    (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    (select json_agg(quote_ident(a.attname) || case when a.attcollation <> 0 then ' collate "C"' else '' end order by k.position)
     from pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, position)
       join pg_attribute a on a.attnum = k.attnum
     where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid) as key
  from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by c.relname collate "C"`;

type Row = { name: string; columns: Column[] | null; key: string[] | null };

export const readTables = async (client: Client): Promise<Table[]> => {
  const { rows } = await client.query<Row>(tables);
  return rows.map(({ name, columns, key }) => ({
    name,
    columns: columns ?? [],
    order: key?.join(', ') ?? `t::text collate "C"`,
  }));
};

// One text for one value, whatever the role or the database sets. A row that row security hides is an error, not a gap.
const settings = `
  set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
  set local extra_float_digits = 3; set local bytea_output = 'hex'; set local xmloption = 'content';
  set local search_path = pg_catalog, public; set local row_security = off; set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0`;

/** One state of the whole database, whatever others write meanwhile. */
export const inSnapshot = async <T>(client: Client, work: () => Promise<T>): Promise<T> =>
  inTransaction(client, 'begin isolation level repeatable read read only', work);

/** All of it or nothing. */
export const inTransaction = async <T>(client: Client, begin: string, work: () => Promise<T>): Promise<T> => {
  await client.query(begin);
  try {
    await client.query(settings);
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    // A connection that is gone has rolled back too.
    await client.query('rollback').catch(() => {});
    throw error;
  }
};

/** PostgreSQL's own text of every value, which its input takes back without loss. */
const asText = { getTypeParser: () => (value: string) => value };
const rowsAtOnce = 500;

/** The rows as lines of JSON, an array of texts and nulls each; within a transaction. */
export async function* readLines(client: Client, { name, columns, order }: Table): AsyncGenerator<string[]> {
  const list = columns.map((column) => escapeIdentifier(column.name)).join(', ');
  await client.query(
    `declare itsor_rows no scroll cursor for select ${list} from ${qualified(name)} t order by ${order}`,
  );
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({
      text: `fetch ${rowsAtOnce} from itsor_rows`,
      rowMode: 'array',
      types: asText,
    });
    if (rows.length === 0) break;
    yield rows.map((row) => JSON.stringify(row));
  }
  await client.query('close itsor_rows');
}

export const createTally = () => {
  const hash = createHash('sha256');
  let rows = 0;
  return {
    add: (line: string) => {
      rows++;
      hash.update(line).update('\n');
    },
    result: (): Contents => ({ rows, sha256: hash.copy().digest('hex') }),
  };
};

/** Within a transaction. */
export const readContents = async (client: Client, table: Table): Promise<Contents> => {
  const tally = createTally();
  for await (const lines of readLines(client, table)) for (const line of lines) tally.add(line);
  return tally.result();
};

/** Of every table, by its name. */
export const readAllContents = (client: Client): Promise<ReadonlyMap<string, Contents>> =>
  inSnapshot(client, async () => {
    const contents = new Map<string, Contents>();
    for (const table of await readTables(client)) contents.set(table.name, await readContents(client, table));
    return contents;
  });
