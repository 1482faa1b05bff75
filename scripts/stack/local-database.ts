import { join } from 'node:path';
import { applyRoles } from './apply-roles.ts';
import { type DataLock, takeDataLock } from './data-lock.ts';
import { localRoles } from './database-urls.ts';
import { openEmbeddedDatabase } from './embedded-database.ts';

export type LocalDatabase = Awaited<ReturnType<typeof openLocalDatabase>>;

export const embeddedDirectory = (dataDirectory: string): string => join(dataDirectory, 'pg');

/**
 * The embedded database of a data directory, with its two roles, for this process alone.
 *
 * @throws CliError when another process has it open
 */
export const openLocalDatabase = async (dataDirectory: string) => {
  let lock: DataLock | undefined;
  let wirePort = 0;
  try {
    const database = await openEmbeddedDatabase({
      directory: embeddedDirectory(dataDirectory),
      claim: async (port) => {
        wirePort = port;
        lock = await takeDataLock(dataDirectory, { pid: process.pid, wirePort });
      },
    });
    await applyRoles(database.url(), localRoles);
    return {
      backend: database.backend,
      adminUrl: database.url(),
      migratorUrl: database.url(localRoles.migrator.user),
      /** Tells others, through the lock, where the endpoint is. */
      announce: (endpointPort: number) => lock?.update({ pid: process.pid, wirePort, endpointPort }),
      close: async () => {
        await database.close();
        await lock?.release();
      },
    };
  } catch (error) {
    await lock?.release();
    throw error;
  }
};
