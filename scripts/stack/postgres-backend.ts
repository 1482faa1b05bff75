import { DatabaseError, Pool, type PoolClient, type QueryArrayResult } from 'pg';
import {
  BackendUnavailable,
  PostgresError,
  type SqlBackend,
  type Statement,
  type StatementResult,
} from './sql-backend.ts';

const asText = { getTypeParser: () => (value: string) => value };

/** A real PostgreSQL server through a pool, for privileges and races that an embedded one cannot show. */
export const createPostgresBackend = (connectionString: string, { maxConnections = 20 } = {}): SqlBackend => {
  const pool = new Pool({ connectionString, max: maxConnections, connectionTimeoutMillis: 5000 });
  // An idle connection that the server drops is no news: the next checkout opens another.
  pool.on('error', () => {});

  return {
    loginUser: decodeURIComponent(new URL(connectionString).username),
    withSession: async (work) => {
      const client = await pool.connect().catch((cause: Error) => {
        throw new BackendUnavailable(`no connection to PostgreSQL: ${cause.message}`, { cause });
      });
      try {
        const result = await work({ execute: (statement) => execute(client, statement) });
        client.release();
        return result;
      } catch (error) {
        // Only after an orderly ROLLBACK is the connection fit for the next request.
        client.release(!(error instanceof PostgresError));
        throw error;
      }
    },
    close: () => pool.end(),
  };
};

const execute = async (client: PoolClient, { query, params }: Statement): Promise<StatementResult> => {
  try {
    const result: QueryArrayResult<(string | null)[]> = await client.query({
      text: query,
      values: [...params],
      rowMode: 'array',
      types: asText,
      // The simple protocol would run several statements in one string, which Neon does not.
      queryMode: 'extended',
    } as { text: string; values: (string | null)[]; rowMode: 'array' });
    return {
      command: result.command,
      rowCount: result.rowCount,
      fields: result.fields.map((field) => ({ ...field, format: 'text' })),
      rows: result.rows,
    };
  } catch (error) {
    // FATAL and PANIC end the session: they tell of the server and not of the statement.
    if (error instanceof DatabaseError && error.severity === 'ERROR') throw PostgresError.from(error);
    throw new BackendUnavailable(`the connection to PostgreSQL broke: ${(error as Error).message}`, {
      cause: error,
    });
  }
};
