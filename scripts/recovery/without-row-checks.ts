import type { Client } from 'pg';

type Change = { readonly before: string; readonly after: string };

/** Foreign keys wait until all rows are there, whatever their order; the app's triggers have had their say already. */
const changes = `
  select format('alter table %s alter constraint %I deferrable initially deferred', conrelid::regclass, conname) as before,
    format('alter table %s alter constraint %I not deferrable', conrelid::regclass, conname) as after
  from pg_constraint
  where contype = 'f' and connamespace = 'public'::regnamespace and conparentid = 0 and not condeferrable
  union all
  select format('alter table %s disable trigger %I', tgrelid::regclass, tgname),
    format('alter table %s enable %s trigger %I', tgrelid::regclass,
      case tgenabled when 'A' then 'always' when 'R' then 'replica' else '' end, tgname)
  from pg_trigger t join pg_class c on c.oid = tgrelid
  where not tgisinternal and tgenabled <> 'D' and c.relnamespace = 'public'::regnamespace`;

/** Within a transaction, as the owner of the tables. Every foreign key is checked before it returns. */
export const withoutRowChecks = async (client: Client, work: () => Promise<void>): Promise<void> => {
  const { rows } = await client.query<Change>(changes);
  for (const { before } of rows) await client.query(before);
  await client.query('set constraints all deferred');
  await work();
  await client.query('set constraints all immediate');
  for (const { after } of rows) await client.query(after);
};
