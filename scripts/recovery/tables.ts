import type { Client } from 'pg';
import { quoteIdentifier } from '../stack/transaction.ts';

export type Column = { readonly name: string; readonly type: string };

export type Table = {
  readonly name: string;
  /** Those that hold what was written; what a database computes is computed again. */
  readonly columns: readonly Column[];
  /** As SQL, the same on every server whatever it sorts text by. */
  readonly order: string;
};

export type Sequence = {
  readonly name: string;
  /** Null for one that has not been used. A bigint as text. */
  readonly last: string | null;
};

export const qualified = (name: string): string => `public.${quoteIdentifier(name)}`;

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

export const readSequences = async (client: Client): Promise<Sequence[]> => {
  const { rows } = await client.query<Sequence>(
    `select sequencename as name, last_value::text as last from pg_sequences
     where schemaname = 'public' order by sequencename collate "C"`,
  );
  return rows;
};
