import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, escapeIdentifier } from 'pg';
import {
  applyMigrations,
  type MigrationSet,
  ourMigrations,
  readJournalFile,
  readMigrations,
} from '../stack/postgres.ts';

/** The SHA-256 of a migration's file, which drizzle-kit's journal keeps. */
export type Migration = string;

export const bundledMigrations = (set: MigrationSet = ourMigrations): Migration[] =>
  readMigrations(set).map(({ hash }) => hash);

/** Of this database, in their order; none for one that has never been migrated. */
export const appliedMigrations = async (
  client: Client,
  { journal }: MigrationSet = ourMigrations,
): Promise<Migration[]> => {
  const name = `drizzle.${escapeIdentifier(journal)}`;
  const { rows: found } = await client.query('select to_regclass($1) as journal', [name]);
  if (found[0]?.journal === null) return [];
  const { rows } = await client.query<{ hash: string }>(`select hash from ${name} order by created_at`);
  return rows.map(({ hash }) => hash);
};

/** The first `count` of the bundled migrations, for a backup that is older than this code. */
export const migrateTo = async (
  url: string,
  count: number,
  set: MigrationSet = ourMigrations,
): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-migrations-'));
  try {
    const journal = readJournalFile(set);
    const entries = journal.entries.slice(0, count);
    await mkdir(join(directory, 'meta'));
    await writeFile(join(directory, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }));
    for (const { tag } of entries)
      await copyFile(join(set.directory, `${tag}.sql`), join(directory, `${tag}.sql`));
    await applyMigrations(url, [{ ...set, directory }]);
  } finally {
    await rm(directory, { recursive: true });
  }
};

export const isPrefix = (shorter: readonly Migration[], longer: readonly Migration[]): boolean =>
  shorter.length <= longer.length && shorter.every((hash, index) => hash === longer[index]);
