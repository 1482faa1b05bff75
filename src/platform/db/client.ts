import { neon, neonConfig } from '@neondatabase/serverless';
import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import { toOurError } from './errors.ts';

/** Where a statement belongs: it ends when its request does. */
export type QueryScope = Pick<RequestContext, 'signal'>;

/** Looks on while a statement, or the statements of a transaction, are sent and answered; it sees no parameter. */
export type ObserveStatement = <Answer>(
  texts: readonly string[],
  send: () => Promise<Answer>,
) => Promise<Answer>;

export type Database = {
  /**
   * Runs one statement, which is one round trip and one transaction.
   * @throws AppError `service_unavailable` or `timeout`; DatabaseError for what the statement itself got wrong
   */
  readonly execute: <Row extends Record<string, unknown>>(
    scope: QueryScope,
    statement: SQL,
  ) => Promise<Row[]>;
  /**
   * Runs several statements in one transaction (READ COMMITTED), which is one round trip too: each sees what was
   * committed when it began, so one may wait for a lock that the next relies on. None sees what another returned.
   * @throws as `execute` does; then nothing was written
   */
  readonly transaction: (
    scope: QueryScope,
    statements: readonly SQL[],
  ) => Promise<Record<string, unknown>[][]>;
};

// The driver has one function for all connections, so an endpoint of our own is found by its host name.
const endpoints = new Map<string, string>();
const neonEndpoint = neonConfig.fetchEndpoint;
neonConfig.fetchEndpoint = (host, port, options) =>
  endpoints.get(host) ??
  (typeof neonEndpoint === 'function' ? neonEndpoint(host, port, options) : neonEndpoint);

/** Neon over HTTP: no connection is held, so one Database serves an isolate for its life. */
export const createDatabase = (
  { url, endpoint }: Config['database'],
  observe: ObserveStatement = (_, send) => send(),
): Database => {
  const connectionString = url.reveal();
  if (endpoint) endpoints.set(new URL(connectionString).hostname, endpoint);
  const client = neon(connectionString);
  const dialect = new PgDialect();

  // Drizzle builds the statement and the driver sends it: Drizzle's own session would wrap an error into one whose
  // message quotes every parameter.

  return {
    execute: async ({ signal }, statement) => {
      const { sql, params } = dialect.sqlToQuery(statement);
      try {
        return (await observe([sql], () => client.query(sql, params, { fetchOptions: { signal } }))) as never;
      } catch (error) {
        throw toOurError(error, signal);
      }
    },

    transaction: async ({ signal }, statements) => {
      const queries = statements.map((statement) => dialect.sqlToQuery(statement));
      try {
        return await observe(
          queries.map(({ sql }) => sql),
          () =>
            client.transaction(
              queries.map(({ sql, params }) => client.query(sql, params)),
              { isolationLevel: 'ReadCommitted', fetchOptions: { signal } },
            ),
        );
      } catch (error) {
        throw toOurError(error, signal);
      }
    },
  };
};
