import { applyRoles } from './apply-roles.ts';
import { actingAs, localRoles } from './database-urls.ts';
import { openLocalDatabase } from './local-database.ts';
import { applyMigrations } from './migrate.ts';
import { startNeonEndpoint } from './neon-endpoint.ts';
import { createPostgresBackend } from './postgres-backend.ts';
import type { SqlBackend } from './sql-backend.ts';

export type EndpointSettings = {
  /** 0 takes a free one. */
  readonly port: number;
  readonly dataDirectory: string;
  /** A real PostgreSQL as its administrator; null: the embedded one. */
  readonly postgresUrl: string | null;
  /** False: a database that somebody else prepares; roles and migrations are left alone. */
  readonly prepare: boolean;
  readonly networkMs?: number;
};

export type EndpointService = {
  /** Taken at once; requests wait until the database is ready. */
  readonly port: number;
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
};

type Prepared = {
  readonly backend: SqlBackend;
  readonly announce?: (endpointPort: number) => Promise<void> | undefined;
  readonly close: () => Promise<void>;
};

/** The Neon endpoint, and behind it the database with roles and migrations. */
export const startEndpointService = async (settings: EndpointSettings): Promise<EndpointService> => {
  const { promise: backend, resolve, reject } = Promise.withResolvers<SqlBackend>();
  // Nobody may be waiting yet; `ready` tells of a failure.
  backend.catch(() => {});
  const endpoint = await startNeonEndpoint({
    backend,
    port: settings.port,
    networkMs: settings.networkMs ?? 0,
  });
  const database =
    settings.postgresUrl === null ? openEmbedded(settings) : openPostgres(settings, settings.postgresUrl);
  const ready = database.then(async (prepared) => {
    await prepared.announce?.(endpoint.port);
    resolve(prepared.backend);
  });
  ready.catch(reject);

  return {
    port: endpoint.port,
    ready,
    close: async () => {
      await endpoint.close();
      await (await database.catch(() => null))?.close();
    },
  };
};

const openEmbedded = async ({ dataDirectory }: EndpointSettings): Promise<Prepared> => {
  const database = await openLocalDatabase(dataDirectory);
  try {
    await applyMigrations(database.migratorUrl);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
};

const openPostgres = async ({ prepare }: EndpointSettings, url: string): Promise<Prepared> => {
  if (prepare) {
    await applyRoles(url, localRoles);
    await applyMigrations(actingAs(url, localRoles.migrator.user));
  }
  const backend = createPostgresBackend(url);
  return { backend, close: backend.close };
};
