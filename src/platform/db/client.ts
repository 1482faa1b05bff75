import { neon, neonConfig } from '@neondatabase/serverless';
import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import { toOurError } from './errors.ts';
import { isRead, isUnanswered, secondTryPauseMs } from './second-try.ts';

/** Where a statement belongs: it ends when its request does. */
export type QueryScope = Pick<RequestContext, 'signal'> & Partial<Pick<RequestContext, 'defer'>>;

/** Looks on while a statement, or the statements of a transaction, are sent and answered; it sees no parameter. */
export type ObserveStatement = <Answer>(
  texts: readonly string[],
  send: () => Promise<Answer>,
) => Promise<Answer>;

export type StatementFacts = {
  /** The statement writes, and a second run right after the first changes nothing and gives the same answer. */
  readonly idempotent?: boolean;
};

/**
 * A read that got no answer is tried once more within the time of its request, because the database may be waking up,
 * restarting or failing over. A write is not: it may have been committed. One that is safe to repeat says so.
 */
export type Database = {
  /**
   * Runs one statement, which is one round trip and one transaction.
   * @throws AppError `service_unavailable` or `timeout`; DatabaseError for what the statement itself got wrong
   */
  readonly execute: <Row extends Record<string, unknown>>(
    scope: QueryScope,
    statement: SQL,
    facts?: StatementFacts,
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
  type Rendered = ReturnType<PgDialect['sqlToQuery']>;

  const sendOne = async ({ sql, params }: Rendered, signal: AbortSignal): Promise<unknown[]> =>
    client.query(sql, params, { fetchOptions: { signal } });

  const sendAll = (
    queries: readonly Rendered[],
    signal: AbortSignal,
    readOnly: boolean,
  ): Promise<unknown[][]> =>
    client.transaction(
      queries.map(({ sql, params }) => client.query(sql, params)),
      { isolationLevel: 'ReadCommitted', ...(readOnly && { readOnly }), fetchOptions: { signal } },
    );

  /** @param again the second try; null where a second try could do something twice */
  const tryTwice = async <Answer>(
    signal: AbortSignal,
    queries: readonly Rendered[],
    first: () => Promise<Answer>,
    again: (() => Promise<Answer>) | null,
  ): Promise<Answer> => {
    const texts = queries.map(({ sql }) => sql);
    try {
      return await observe(texts, first).catch(async (error: unknown) => {
        if (again === null || signal.aborted || !isUnanswered(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, secondTryPauseMs));
        return observe(texts, again);
      });
    } catch (error) {
      throw toOurError(error, signal);
    }
  };

  return {
    execute: async ({ signal }, statement, { idempotent = false } = {}) => {
      const query = dialect.sqlToQuery(statement);
      const send = () => sendOne(query, signal);
      // In a read-only transaction PostgreSQL itself refuses a second try that would write.
      const read = async () => (await sendAll([query], signal, true))[0] ?? [];
      const again = idempotent ? send : isRead(query.sql) ? read : null;
      return (await tryTwice(signal, [query], send, again)) as never;
    },

    transaction: async ({ signal }, statements) => {
      const queries = statements.map((statement) => dialect.sqlToQuery(statement));
      const send = (readOnly: boolean) => () => sendAll(queries, signal, readOnly);
      const again = queries.every(({ sql }) => isRead(sql)) ? send(true) : null;
      return (await tryTwice(signal, queries, send(false), again)) as never;
    },
  };
};
