import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../program/cli.ts';
import { findLockHolder, inUse, takeDataLock } from './data-lock.ts';
import { localRoles } from './database-plan.ts';
import { openEmbeddedDatabase } from './embedded-database.ts';
import { applyRoles } from './roles.ts';

export const embeddedDirectory = (dataDirectory: string): string => join(dataDirectory, 'pg');

/**
 * The embedded database of a data directory, with its two roles, for this process alone.
 *
 * @throws CliError when another process has it open
 */
export const openLocalDatabase = async (dataDirectory: string) => {
  let lock: Awaited<ReturnType<typeof takeDataLock>> | undefined;
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
      wirePort,
      adminUrl: database.url(),
      migratorUrl: database.url(localRoles.migrator.user),
      /** Tells others, through the lock, the port of the endpoint. */
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

/**
 * The port of the embedded database: of the process that has it open, else of this one until `close`.
 *
 * @throws CliError when there is no such database yet and `create` is false
 */
export const joinLocalDatabase = async (dataDirectory: string, { create }: { readonly create: boolean }) => {
  const holder = await findLockHolder(dataDirectory);
  if (holder !== null) return { wirePort: holder.wirePort, close: async () => {} };
  if (!create && !existsSync(embeddedDirectory(dataDirectory))) {
    throw new CliError(
      'There is no embedded database yet: npm run db:migrate makes it, as npm run dev does.',
    );
  }
  const { wirePort, close } = await openLocalDatabase(dataDirectory);
  return { wirePort, close };
};

/**
 * Deletes the embedded database of a data directory and nothing beside it.
 *
 * @throws CliError when it is in use, or when the folder is not a database
 */
export const resetLocalDatabase = async (dataDirectory: string): Promise<void> => {
  const holder = await findLockHolder(dataDirectory);
  if (holder !== null) throw new CliError(inUse(dataDirectory, holder));
  const directory = embeddedDirectory(dataDirectory);
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (entries.length > 0 && !entries.includes('PG_VERSION')) {
    throw new CliError(`${directory} is not a database, so it is not deleted.`);
  }
  await rm(directory, { recursive: true, force: true });
};
