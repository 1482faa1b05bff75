import { Client } from 'pg';
import { readEnvironment } from '../../src/platform/config/resolve.ts';
import { AppError } from '../../src/platform/errors.ts';
import { databaseSentence } from '../admin/migrations-missing.ts';
import { CliError } from '../program/cli.ts';
import { dataDirectory, type Variables } from '../program/project.ts';
import {
  actingAs,
  encrypted,
  localPostgresUrl,
  localRoles,
  migratorNeeded,
  migratorUrl,
  placeOf,
  planDatabase,
  readRole,
} from './database-plan.ts';
import { joinLocalDatabase } from './local-database.ts';
import { applyRoles } from './roles.ts';

export type OperatorDatabase = {
  readonly url: string;
  /** For people: without a user name or a password. */
  readonly place: string;
  readonly appUser: string;
};

type Opened = OperatorDatabase & { readonly close?: () => Promise<void> };

type Request = {
  /** Wins over every variable. */
  readonly url: string | null;
  readonly variables: Variables;
  /** `write`: as the role that owns the tables, and the embedded database is made where there is none. */
  readonly access: 'read' | 'write';
};

/**
 * A connection to the database for a program of an operator, as the migrator; to read, the app's role is enough.
 *
 * @throws CliError when the variables name none, it cannot be reached, or it refuses a statement
 */
export const withOperatorDatabase = async <T>(
  request: Request,
  work: (client: Client, database: OperatorDatabase) => Promise<T>,
): Promise<T> => {
  const { close, ...database } = await open(request);
  const client = new Client({ connectionString: database.url, connectionTimeoutMillis: 10_000 });
  // A statement reports a broken connection itself.
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
    await close?.();
  }
};

const open = async ({ url, variables, access }: Request): Promise<Opened> => {
  const openServer = (server: string) => ({
    url: encrypted(server),
    place: placeOf(server),
    appUser: readRole(variables, 'app').user,
  });
  const named = url ?? migratorUrl(variables);
  if (named !== null) return openServer(named);
  const plan = planDatabase(variables, localPostgresUrl());
  switch (plan.kind) {
    case 'local':
      return plan.postgresUrl === null ? openEmbedded(access) : openLocalServer(plan.postgresUrl, access);
    case 'loopback':
    case 'remote':
      if (access === 'write') throw migratorNeeded();
      return openServer(plan.url);
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

const openLocalServer = async (adminUrl: string, access: Request['access']): Promise<Opened> => {
  if (access === 'write') await applyRoles(adminUrl, localRoles);
  return {
    url: actingAs(adminUrl, localRoles.migrator.user),
    place: placeOf(adminUrl),
    appUser: localRoles.app.user,
  };
};

const openEmbedded = async (access: Request['access']): Promise<Opened> => {
  const { wirePort, close } = await joinLocalDatabase(dataDirectory(), { create: access === 'write' });
  return {
    url: `postgres://${localRoles.migrator.user}@127.0.0.1:${wirePort}/postgres`,
    place: 'the embedded database',
    appUser: localRoles.app.user,
    close,
  };
};
