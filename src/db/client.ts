import { neon, neonConfig } from '@neondatabase/serverless';
import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import { toOurError } from './errors.ts';

/** Where a statement belongs: it ends when its request does. */
export type QueryScope = Pick<RequestContext, 'signal'>;

export type Database = {
  /**
   * Runs one statement, which is one round trip and one transaction.
   * @throws AppError `service_unavailable` or `timeout`; DatabaseError for what the statement itself got wrong
   */
  readonly execute: <Row extends Record<string, unknown>>(
    scope: QueryScope,
    statement: SQL,
  ) => Promise<Row[]>;
};

// The driver has one function for all connections, so an endpoint of our own is found by its host name.
const endpoints = new Map<string, string>();
const neonEndpoint = neonConfig.fetchEndpoint;
neonConfig.fetchEndpoint = (host, port, options) =>
  endpoints.get(host) ??
  (typeof neonEndpoint === 'function' ? neonEndpoint(host, port, options) : neonEndpoint);

/** Neon over HTTP: no connection is held, so one Database serves an isolate for its life. */
export const createDatabase = ({ url, endpoint }: Config['database']): Database => {
  const connectionString = url.reveal();
  if (endpoint) endpoints.set(new URL(connectionString).hostname, endpoint);
  const client = neon(connectionString);
  const dialect = new PgDialect();

  return {
    execute: async (scope, statement) => {
      // Drizzle builds the statement and the driver sends it: Drizzle's own session would wrap an error into
      // one whose message quotes every parameter.
      const { sql, params } = dialect.sqlToQuery(statement);
      try {
        return (await client.query(sql, params, { fetchOptions: { signal: scope.signal } })) as never;
      } catch (error) {
        throw toOurError(error, scope.signal);
      }
    },
  };
};
