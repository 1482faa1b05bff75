import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { DatabaseError, Pool, type PoolClient } from 'pg';
import type { Database } from '../../src/platform/db/client.ts';
import { toOurError } from '../../src/platform/db/errors.ts';
import { AppError } from '../../src/platform/errors.ts';

export type PostgresDatabase = Database & { readonly close: () => Promise<void> };

/**
 * What the repositories run on, in PostgreSQL's own protocol over one connection: for programs that are no Worker,
 * and for servers that do not speak Neon's SQL over HTTP.
 */
export const createPostgresDatabase = (connectionString: string): PostgresDatabase => {
  const pool = new Pool({ connectionString, max: 1, connectionTimeoutMillis: 10_000 });
  // An idle connection that the server drops is no news: the next statement opens another.
  pool.on('error', () => {});
  const dialect = new PgDialect();

  const connect = (): Promise<PoolClient> =>
    pool.connect().catch((cause: unknown) => {
      throw new AppError('service_unavailable', { cause });
    });

  const query = async (client: PoolClient, statement: SQL): Promise<Record<string, unknown>[]> => {
    const { sql, params } = dialect.sqlToQuery(statement);
    return (await client.query<Record<string, unknown>>(sql, params)).rows;
  };

  const run = async <T>(signal: AbortSignal, work: (client: PoolClient) => Promise<T>): Promise<T> => {
    const client = await connect();
    try {
      signal.throwIfAborted();
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // It may be within a transaction, which ends with it.
      client.release(true);
      throw toError(error, signal);
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

/** Node's own errors have a code too, which is no SQLSTATE. */
const toError = (error: unknown, signal: AbortSignal): Error =>
  error instanceof DatabaseError || signal.aborted
    ? toOurError(error, signal)
    : new AppError('service_unavailable', { cause: error });
