import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };
import { readLastMigration } from '../../src/health/sql.ts';
import { readEnvironment } from '../../src/platform/config/resolve.ts';
import type { RequestContext } from '../../src/platform/context.ts';
import { createDatabase, type Database } from '../../src/platform/db/client.ts';
import { CliError } from '../program/cli.ts';
import { dataDirectory, type Variables } from '../program/project.ts';
import { findLockHolder } from '../stack/data-lock.ts';
import {
  actingAs,
  encrypted,
  localPostgresUrl,
  localRoles,
  placeOf,
  planDatabase,
} from '../stack/database-plan.ts';
import { embeddedDirectory, openLocalDatabase } from '../stack/local-database.ts';
import { createPostgresDatabase } from '../stack/postgres.ts';
import { loadGroup } from './config-group.ts';
import { databaseSentence, migrationsMissing } from './migrations-missing.ts';

export type OpenDatabase = {
  readonly db: Database;
  /** For people: without a user name or a password. */
  readonly place: string;
  readonly close: () => Promise<void>;
};

/**
 * Works on the migrated database of the app; `url` goes before every variable.
 *
 * @throws CliError when there is none, it lacks a migration of this checkout, or it refuses a statement
 */
export const withAppDatabase = async (
  url: string | null,
  variables: Variables,
  work: (db: Database, place: string) => Promise<void>,
): Promise<void> => {
  const { db, place, close } = await openAppDatabase(url, variables);
  try {
    const last = await readLastMigration(db, contextNow());
    if (last === null || last < (journal.entries.at(-1)?.when ?? 0)) throw migrationsMissing(place);
    await work(db, place);
  } catch (error) {
    throw databaseSentence(error, place);
  } finally {
    await close();
  }
};

/** Stands in for a request when an operator acts. It has no time limit: a person may take their time. */
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

/** The database of the app, as the app's own role where there is a choice: rows are all that is needed. */
export const openAppDatabase = async (url: string | null, variables: Variables): Promise<OpenDatabase> => {
  if (url !== null) return openServer(encrypted(url));
  const plan = planDatabase(variables, localPostgresUrl());
  switch (plan.kind) {
    case 'local':
      return plan.postgresUrl === null
        ? openEmbedded(dataDirectory())
        : openServer(actingAs(plan.postgresUrl, localRoles.app.user), plan.postgresUrl);
    case 'loopback':
      return openServer(plan.url);
    case 'remote':
      return openServer(encrypted(plan.url));
    case 'endpoint': {
      const { database } = loadGroup(variables, 'Database');
      return { db: createDatabase(database), place: new URL(plan.url).host, close: async () => {} };
    }
    case 'none':
      loadGroup(variables, 'Database');
      throw new CliError(
        `DATABASE_URL is needed: the environment ${readEnvironment(variables).name} has no database of its own.`,
      );
  }
};

const openServer = (url: string, shown = url): OpenDatabase => {
  const db = createPostgresDatabase(url);
  return { db, place: placeOf(shown), close: db.close };
};

/** Through the process that has the data directory open, or else opened for as long as this takes. */
const openEmbedded = async (directory: string): Promise<OpenDatabase> => {
  const place = 'the embedded database';
  const asApp = (port: number | string) =>
    createPostgresDatabase(`postgres://${localRoles.app.user}@127.0.0.1:${port}/postgres`);
  const holder = await findLockHolder(directory);
  if (holder !== null) {
    const db = asApp(holder.wirePort);
    await waitUntilPrepared(db);
    return { db, place, close: db.close };
  }
  if (!existsSync(embeddedDirectory(directory))) {
    throw new CliError(
      'There is no embedded database yet: npm run db:migrate makes it, as npm run dev does.',
    );
  }
  const local = await openLocalDatabase(directory);
  const db = asApp(new URL(local.adminUrl).port);
  return { db, place, close: () => db.close().then(local.close) };
};

/** In its first seconds `npm run dev` has the database open, but no role and no table in it yet. */
const waitUntilPrepared = async (db: Database): Promise<void> => {
  const deadlineMs = performance.now() + 10_000;
  while (performance.now() < deadlineMs) {
    const signal = AbortSignal.timeout(5000);
    const isPrepared = await db.execute({ signal }, sql`select from users limit 0`).then(
      () => true,
      () => false,
    );
    if (isPrepared) return;
    await sleep(250);
  }
};
