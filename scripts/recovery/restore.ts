import { type Client, escapeIdentifier } from 'pg';
import { CliError } from '../program/cli.ts';
import type { OperatorDatabase } from '../stack/operator-database.ts';
import { applyMigrations, forkMigrations } from '../stack/postgres.ts';
import { tablePrivileges } from '../stack/roles.ts';
import { type BackupSummary, readBackup } from './backup-file.ts';
import { appliedMigrations, bundledMigrations, isPrefix, migrateTo } from './migrations.ts';
import { inTransaction, qualified, readContents, readTables, type Table } from './tables.ts';

type Options = {
  /** Deletes the rows of the tables, once the backup has turned out to be sound. */
  readonly replace: boolean;
  /** Progress, in lines for a person. */
  readonly tell?: (line: string) => void;
};

/**
 * Brings the rows of a backup into a database, all of them or none, and reads them back before it commits. An empty database gets the backup's migrations first; newer ones are applied afterwards.
 *
 * @throws CliError when the file, the migrations or the rows that are there forbid it
 */
export const restore = async (
  client: Client,
  { url, place, appUser }: OperatorDatabase,
  path: string,
  { replace, tell = () => {} }: Options,
): Promise<BackupSummary> => {
  const backup = await readBackup(path);
  const [bundled, bundledByFork] = [bundledMigrations(), bundledMigrations(forkMigrations)];
  if (!isPrefix(backup.migrations, bundled) || !isPrefix(backup.forkMigrations, bundledByFork)) {
    throw new CliError(
      `${path} has migrations that this version of Itsor lacks: restore it with the version that made it.`,
    );
  }
  const { rowCount: roles } = await client.query('select from pg_roles where rolname = $1', [appUser]);
  if (roles === 0)
    throw new CliError(`The role ${appUser} is missing in ${place}: run npm run db:roles first.`);
  tell(`… migrations of the backup in ${place}`);
  await prepare(client, { url, place }, backup);
  await inTransaction(client, 'begin', async () => {
    await requireAlone(client, place);
    const tables = await lockTables(client, place);
    if (shapes(tables) !== shapes(backup.tables)) {
      throw new CliError(
        `The tables in ${place} differ from those of the backup, though the migrations are the same: npm run db:drift says where. Nothing was changed.`,
      );
    }
    if (!replace) await requireEmpty(client, tables, place);
    await client.query(`truncate ${tables.map(({ name }) => qualified(name)).join(', ')}`);
    await withoutRowChecks(client, () => insertRows(client, tables, path, backup, tell));
    await setSequences(client, backup);
    tell('… reading every row back');
    await requireContents(client, tables, backup);
    for (const { sql } of tablePrivileges('current_user', escapeIdentifier(appUser))) await client.query(sql);
  });
  const isOlder =
    backup.migrations.length < bundled.length || backup.forkMigrations.length < bundledByFork.length;
  if (isOlder) await applyMigrations(url);
  return backup;
};

/**
 * Of this program's own; held until the transaction ends. A transaction pooler would keep the lock of a session for
 * ever, on a connection that it hands to others.
 */
const restoreLock = 7_305_201_127;

const underWay = (place: string) =>
  new CliError(`Another restore is under way in ${place}. Nothing was changed.`);

/** A name or a row is there that was not there a moment ago, as far as PostgreSQL's own causes tell. */
const isDuplicate = (error: unknown): boolean =>
  error instanceof Error &&
  (['23505', '42P06', '42P07'].includes(String((error as { code?: unknown }).code)) ||
    isDuplicate(error.cause));

/** The lock is no help here: migrations run on a connection of their own, and commit before the rows come. */
const migrateAlone = (place: string, migrated: Promise<void>): Promise<void> =>
  migrated.catch((error: unknown) => {
    throw isDuplicate(error) ? underWay(place) : error;
  });

const requireAlone = async (client: Client, place: string) => {
  const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_xact_lock($1) as held', [
    restoreLock,
  ]);
  if (!rows[0]?.held) throw underWay(place);
};

const prepare = async (
  client: Client,
  { url, place }: { url: string; place: string },
  { migrations, forkMigrations: ofFork }: BackupSummary,
) => {
  const applied = await appliedMigrations(client);
  const appliedByFork = await appliedMigrations(client, forkMigrations);
  if (applied.length + appliedByFork.length > 0) {
    const isSame = (one: readonly string[], other: readonly string[]) =>
      one.length === other.length && isPrefix(one, other);
    if (isSame(applied, migrations) && isSame(appliedByFork, ofFork)) return;
    throw new CliError(
      `${place} has ${applied.length + appliedByFork.length} migrations and the backup ${migrations.length + ofFork.length}, or others: restore into an empty database, which gets the backup's and then the newer ones.`,
    );
  }
  if ((await readTables(client)).length > 0) {
    throw new CliError(
      `${place} has tables and no migrations, so they are not of Itsor. Nothing was changed.`,
    );
  }
  await migrateAlone(place, migrateTo(url, migrations.length));
  if (ofFork.length > 0) await migrateAlone(place, migrateTo(url, ofFork.length, forkMigrations));
};

/** Until all rows are there, every other reader and writer waits. */
const lockTables = async (client: Client, place: string): Promise<Table[]> => {
  const tables = await readTables(client);
  const names = tables.map(({ name }) => qualified(name));
  const { rows } = await client.query<{ owns: boolean }>(
    "select bool_and(pg_has_role(relowner, 'USAGE')) as owns from pg_class where oid = any($1::regclass[])",
    [names],
  );
  if (!rows[0]?.owns) {
    throw new CliError(
      `This role does not own the tables in ${place}: use the migrator's, MIGRATIONS_DATABASE_URL.`,
    );
  }
  await client.query("set local lock_timeout = '30s'");
  try {
    await client.query(`lock table ${names.join(', ')} in access exclusive mode`);
  } catch (error) {
    if ((error as { code?: string }).code !== '55P03') throw error;
    throw new CliError(
      `The tables in ${place} are in use: stop the programs that use them. Nothing was changed.`,
    );
  }
  return tables;
};

const shapes = (tables: readonly Pick<Table, 'name' | 'columns'>[]) =>
  JSON.stringify(
    tables.map(({ name, columns }) => [name, columns.map((column) => [column.name, column.type])]),
  );

/** Rows that migrations write; all others were written by the app. A test holds them against a fresh database. */
const seeds: Readonly<Record<string, string>> = { roles: "name in ('admin', 'user')" };

const requireEmpty = async (client: Client, tables: readonly Table[], place: string) => {
  const occupied: string[] = [];
  for (const { name } of tables) {
    const others = `select from ${qualified(name)} where not (${seeds[name] ?? 'false'}) limit 1`;
    if ((await client.query(others)).rowCount) occupied.push(name);
  }
  if (occupied.length === 0) return;
  throw new CliError(
    `${place} is not empty: there are rows in ${occupied.join(', ')}. Nothing was changed; --replace deletes them.`,
  );
};

/** Foreign keys wait until all rows are there, whatever their order; the app's triggers have had their say already. */
const rowChecks = `
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
const withoutRowChecks = async (client: Client, work: () => Promise<void>) => {
  const { rows } = await client.query<{ before: string; after: string }>(rowChecks);
  for (const { before } of rows) await client.query(before);
  await client.query('set constraints all deferred');
  await work();
  await client.query('set constraints all immediate');
  for (const { after } of rows) await client.query(after);
};

const insertRows = async (
  client: Client,
  tables: readonly Table[],
  path: string,
  backup: BackupSummary,
  tell: (line: string) => void,
) => {
  let current = '';
  const statements = new Map(tables.map((table) => [table.name, insertStatement(table)]));
  const read = await readBackup(path, async (table, lines) => {
    if (table !== current) tell(`… rows of ${table}`);
    current = table;
    await client.query(statements.get(table) ?? '', [`[${lines.join(',')}]`]);
  });
  if (JSON.stringify(read) !== JSON.stringify(backup))
    throw new CliError(`${path} was changed while it was read. Nothing was changed in the database.`);
};

/** Each value goes in as it came out, through the input of its type. */
const insertStatement = ({ name, columns }: Table): string => {
  const names = columns.map((column) => escapeIdentifier(column.name)).join(', ');
  const values = columns.map(({ type }, index) => `(line->>${index})::${type}`).join(', ');
  return `insert into ${qualified(name)} (${names}) overriding system value
    select ${values} from json_array_elements($1::json) line`;
};

const setSequences = async (client: Client, { sequences }: BackupSummary) => {
  for (const { name, last } of sequences) {
    await client.query(
      `select setval(format('public.%I', $1::text)::regclass, coalesce($2::bigint, start_value), $2::bigint is not null)
       from pg_sequences where schemaname = 'public' and sequencename = $1`,
      [name, last],
    );
  }
};

const requireContents = async (client: Client, tables: readonly Table[], backup: BackupSummary) => {
  for (const [index, table] of tables.entries()) {
    const { rows, sha256 } = await readContents(client, table);
    const expected = backup.tables[index];
    if (rows === expected?.rows && sha256 === expected.sha256) continue;
    throw new CliError(
      `The rows of ${table.name} did not come back as they were written. Nothing was changed.`,
    );
  }
};
