import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SQL } from 'drizzle-orm';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { PgDialect } from 'drizzle-orm/pg-core';
import { Client, DatabaseError, type PoolClient } from 'pg';
import type { Database } from '../../src/platform/db/client.ts';
import { toOurError } from '../../src/platform/db/errors.ts';
import { AppError } from '../../src/platform/errors.ts';
import { connectionTimeoutMillis, createPool } from './pool.ts';

/** A connection in PostgreSQL's own protocol for as long as `work` takes. */
export const withClient = async <T>(url: string, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis });
  // A statement reports a broken connection itself.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
};

/** A folder of migrations, and the table in the schema `drizzle` that says which of them a database has. */
export type MigrationSet = { readonly directory: string; readonly journal: string };

export const ourMigrations: MigrationSet = {
  directory: fileURLToPath(new URL('../../drizzle', import.meta.url)),
  journal: '__drizzle_migrations',
};

/** Those of a fork (docs/upgrading.md), which build on ours; Itsor has none. */
export const forkMigrations: MigrationSet = {
  directory: fileURLToPath(new URL('../../src/fork/db/migrations', import.meta.url)),
  journal: '__fork_migrations',
};

const journalFileOf = ({ directory }: MigrationSet): string => join(directory, 'meta/_journal.json');

/** The sets that have migrations, in the order in which they are applied. */
export const migrationSets = (): readonly MigrationSet[] =>
  [ourMigrations, forkMigrations].filter((set) => existsSync(journalFileOf(set)));

type JournalFile = { readonly entries: readonly { readonly tag: string; readonly when: number }[] };

/** What drizzle-kit keeps beside the migrations of a set. */
export const readJournalFile = (set: MigrationSet): JournalFile =>
  JSON.parse(readFileSync(journalFileOf(set), 'utf8'));

/** The migrations of a set in this code, as its journal will know them. */
export const readMigrations = ({ directory }: MigrationSet = ourMigrations): MigrationMeta[] =>
  existsSync(directory) ? readMigrationFiles({ migrationsFolder: directory }) : [];

/** Applies the migrations that the database lacks, each set in one transaction, by the journal that drizzle-kit keeps. */
export const applyMigrations = (url: string, sets = migrationSets()): Promise<void> =>
  withClient(url, async (client) => {
    for (const { directory, journal } of sets)
      await migrate(drizzle(client), { migrationsFolder: directory, migrationsTable: journal });
  });

export type PostgresDatabase = Database & { readonly close: () => Promise<void> };

/**
 * The database of the repositories over one connection in PostgreSQL's own protocol: for programs outside a Worker, and
 * for servers that do not speak Neon's SQL over HTTP.
 */
export const createPostgresDatabase = (connectionString: string): PostgresDatabase => {
  const pool = createPool(connectionString, 1);
  const dialect = new PgDialect();

  const query = async (client: PoolClient, statement: SQL): Promise<Record<string, unknown>[]> => {
    const { sql, params } = dialect.sqlToQuery(statement);
    return (await client.query<Record<string, unknown>>(sql, params)).rows;
  };

  const run = async <T>(signal: AbortSignal, work: (client: PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((cause: unknown) => {
      throw new AppError('service_unavailable', { cause });
    });
    try {
      signal.throwIfAborted();
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // The connection may be within a transaction, which ends with it.
      client.release(true);
      // Node's own errors have a code too, which is no SQLSTATE.
      if (error instanceof DatabaseError || signal.aborted) throw toOurError(error, signal);
      throw new AppError('service_unavailable', { cause: error });
    }
  };

  return {
    execute: ({ signal }, statement) => run(signal, (client) => query(client, statement)) as Promise<never[]>,

    transaction: ({ signal }, statements) =>
      run(signal, async (client) => {
        await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
        const results: Record<string, unknown>[][] = [];
        for (const statement of statements) results.push(await query(client, statement));
        await client.query('COMMIT');
        return results;
      }),

    close: () => pool.end(),
  };
};
