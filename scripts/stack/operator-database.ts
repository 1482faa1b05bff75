import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { readEnvironment } from '../../src/platform/config/resolve.ts';
import { AppError } from '../../src/platform/errors.ts';
import { databaseSentence } from '../admin/migrations-missing.ts';
import { applyRoles } from './apply-roles.ts';
import { CliError } from './cli-error.ts';
import { findLockHolder } from './data-lock.ts';
import { planDatabase } from './database-plan.ts';
import { actingAs, encrypted, localRoles, placeOf } from './database-urls.ts';
import { embeddedDirectory, openLocalDatabase } from './local-database.ts';
import { migratorNeeded, migratorUrl } from './migrator-url.ts';
import { dataDirectory, type Variables } from './project.ts';
import { readRole } from './role-credentials.ts';

export type OperatorDatabase = {
  readonly url: string;
  /** For people: without a user name or a password. */
  readonly place: string;
  readonly appUser: string;
};

type Opened = OperatorDatabase & { readonly close: () => Promise<void> };

type Request = {
  /** Goes before every variable. */
  readonly url: string | null;
  readonly variables: Variables;
  /** `write`: as the role that owns the tables, and the embedded database is made where there is none. */
  readonly access: 'read' | 'write';
};

/**
 * A connection to the database for a program of an operator, as the migrator; who only reads is content with the app's
 * role.
 *
 * @throws CliError when the variables name none, it cannot be reached, or it refuses a statement
 */
export const withOperatorDatabase = async <T>(
  request: Request,
  work: (client: Client, database: OperatorDatabase) => Promise<T>,
): Promise<T> => {
  const { close, ...database } = await open(request);
  const client = new Client({ connectionString: database.url, connectionTimeoutMillis: 10_000 });
  // Whoever waits for an answer hears of a broken connection there.
  client.on('error', () => {});
  try {
    await client.connect().catch((cause: unknown) => {
      throw new AppError('service_unavailable', { cause });
    });
    return await work(client, database);
  } catch (error) {
    throw databaseSentence(error, database.place);
  } finally {
    await client.end().catch(() => {});
    await close();
  }
};

const open = async (request: Request): Promise<Opened> => {
  const { url, variables, access } = request;
  const named = url ?? migratorUrl(variables);
  if (named !== null) return openServer(encrypted(named), variables);
  const plan = planDatabase(variables, process.env.LOCAL_POSTGRES_URL || null);
  switch (plan.kind) {
    case 'local':
      return plan.postgresUrl === null ? openEmbedded(request) : openLocalServer(plan.postgresUrl, request);
    case 'loopback':
    case 'remote':
      if (access === 'write') throw migratorNeeded();
      return openServer(encrypted(plan.url), variables);
    case 'endpoint':
      throw new CliError(
        'NEON_HTTP_ENDPOINT takes single statements: give --url, or MIGRATIONS_DATABASE_URL beside it.',
      );
    case 'none':
      throw new CliError(
        `MIGRATIONS_DATABASE_URL or DATABASE_URL is needed: the environment ${readEnvironment(variables).name} has no database of its own.`,
      );
  }
};

const openServer = (url: string, variables: Variables): Opened => ({
  url,
  place: placeOf(url),
  appUser: readRole(variables, 'app').user,
  close: async () => {},
});

const openLocalServer = async (adminUrl: string, { access }: Request): Promise<Opened> => {
  if (access === 'write') await applyRoles(adminUrl, localRoles);
  return {
    url: actingAs(adminUrl, localRoles.migrator.user),
    place: placeOf(adminUrl),
    appUser: localRoles.app.user,
    close: async () => {},
  };
};

/** Through whoever has the data directory open, or else opened for as long as this takes. */
const openEmbedded = async ({ access }: Request): Promise<Opened> => {
  const directory = dataDirectory();
  const asMigrator = (port: number | string) => ({
    url: `postgres://${localRoles.migrator.user}@127.0.0.1:${port}/postgres`,
    place: 'the embedded database',
    appUser: localRoles.app.user,
  });
  const holder = await findLockHolder(directory);
  if (holder !== null) return { ...asMigrator(holder.wirePort), close: async () => {} };
  if (access === 'read' && !existsSync(embeddedDirectory(directory))) {
    throw new CliError(
      'There is no embedded database yet: npm run db:migrate makes it, as npm run dev does.',
    );
  }
  const local = await openLocalDatabase(directory);
  return { ...asMigrator(new URL(local.adminUrl).port), close: local.close };
};
