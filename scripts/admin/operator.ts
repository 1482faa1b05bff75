import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };
import { readLastMigration } from '../../src/health/sql.ts';
import type { RequestContext } from '../../src/platform/context.ts';
import type { Database } from '../../src/platform/db/client.ts';
import { migrationsMissing } from './migrations-missing.ts';

/** What stands in for a request when an operator acts. Without a time limit: a person may take their time. */
export const contextNow = (): RequestContext => ({
  requestId: crypto.randomUUID(),
  now: new Date(),
  ip: null,
  network: 'unknown',
  networks: ['unknown'],
  userAgent: null,
  actor: null,
  requiredPermission: null,
  signal: new AbortController().signal,
  log: { debug: () => {}, info: () => {}, warn: tell, error: tell },
  keepAlive: () => undefined,
  defer: () => {},
});

const tell = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
  console.error([message, ...Object.values(fields)].join(': '));

/** @throws CliError where the database at `place` lacks a migration of this checkout */
export const requireMigrations = async (db: Database, place: string): Promise<void> => {
  const last = await readLastMigration(db, contextNow());
  if (last === null || last < (journal.entries.at(-1)?.when ?? 0)) throw migrationsMissing(place);
};
