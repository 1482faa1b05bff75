import { randomBytes } from 'node:crypto';
import { actingAs, localRoles } from '../../../scripts/stack/database-plan.ts';
import { openEmbeddedDatabase } from '../../../scripts/stack/embedded-database.ts';
import { startNeonEndpoint } from '../../../scripts/stack/neon-endpoint.ts';
import { applyMigrations, withClient } from '../../../scripts/stack/postgres.ts';
import { applyRoles } from '../../../scripts/stack/roles.ts';

export type Database = {
  readonly kind: 'embedded' | 'postgres';
  /** In PostgreSQL's own protocol, as a superuser and as the owner of the tables. */
  readonly adminUrl: string;
  readonly migratorUrl: string;
  readonly close: () => Promise<void>;
};

export type TestDatabase = {
  readonly kind: 'embedded' | 'postgres';
  readonly endpointUrl: string;
  /** As the Worker's role. */
  readonly databaseUrl: string;
  readonly adminUrl: string;
  readonly migratorUrl: string;
  readonly roundTrips: () => number;
  readonly close: () => Promise<void>;
};

/**
 * A migrated database with the two roles behind a Neon endpoint: in memory, or a fresh one on the
 * server of TEST_DATABASE_URL, which is dropped again by `close`.
 */
export const startTestDatabase = async (serverUrl = process.env.TEST_DATABASE_URL): Promise<TestDatabase> => {
  const database = serverUrl ? await createDatabase(serverUrl) : await openInMemory();
  try {
    await applyRoles(database.adminUrl, localRoles);
    await applyMigrations(database.migratorUrl);
    const endpoint = await startNeonEndpoint({ databaseUrl: database.adminUrl });
    return {
      kind: database.kind,
      endpointUrl: endpoint.url,
      databaseUrl: `postgres://${localRoles.app.user}:unchecked@${database.kind}.localhost/itsor`,
      adminUrl: database.adminUrl,
      migratorUrl: database.migratorUrl,
      roundTrips: endpoint.roundTrips,
      close: () => endpoint.close().then(database.close),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
};

/** An empty embedded database. */
export const openInMemory = async (): Promise<Database> => {
  const { url, close } = await openEmbeddedDatabase();
  return { kind: 'embedded', adminUrl: url(), migratorUrl: url(localRoles.migrator.user), close };
};

/** An empty database of its own on a real server. */
export const createDatabase = async (serverUrl: string, purpose = 'test'): Promise<Database> => {
  const name = `itsor_${purpose}_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    kind: 'postgres',
    adminUrl: url.href,
    migratorUrl: actingAs(url.href, localRoles.migrator.user),
    close: () => administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
};

const administer = async (serverUrl: string, statement: string): Promise<void> => {
  await withClient(serverUrl, (client) => client.query(statement));
};
