import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../program/cli.ts';
import { findLockHolder, refuseHeldData, takeDataLock } from './data-lock.ts';
import { localRoles } from './database-plan.ts';
import { embeddedVersion, openEmbeddedDatabase } from './embedded-database.ts';
import { applyRoles } from './roles.ts';

export const embeddedDirectory = (dataDirectory: string): string => join(dataDirectory, 'pg');

/** Beside the database until it has been made, so that one which is half made is known. */
const unfinishedMark = (dataDirectory: string): string => join(dataDirectory, 'pg.unfinished');

/** Deletes a database that was half made, and marks one that is about to be made. Nobody else has the directory. */
const prepareDirectory = async (dataDirectory: string): Promise<void> => {
  const [directory, mark] = [embeddedDirectory(dataDirectory), unfinishedMark(dataDirectory)];
  const entries = await entriesOf(directory);
  if (entries.length > 0 && (existsSync(mark) || isHalfMade(entries))) {
    await rm(directory, { recursive: true });
    console.error('The embedded database was only half made: it is made anew.');
  }
  if (!existsSync(directory) || entries.length === 0) await writeFile(mark, '');
};

/** The names that PostgreSQL gives to the entries of a database, and none of another program's. */
const databaseEntry =
  /^(?:PG_VERSION|base|global|pg_\w+|postgresql(?:\.auto)?\.conf|postmaster\.(?:opts|pid))$/;

/** Whether a start has broken off before the database was complete; PG_VERSION and pg_control say which kind it is. */
const isHalfMade = (entries: readonly string[]): boolean =>
  entries.every((entry) => databaseEntry.test(entry)) &&
  !(entries.includes('PG_VERSION') && entries.includes('global'));

const entriesOf = (directory: string): Promise<string[]> =>
  readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });

/**
 * The embedded database of a data directory, with its two roles, for this process alone.
 *
 * @param launcher the process of `npm run dev` that started this one
 * @throws CliError when another process has it open
 */
export const openLocalDatabase = async (dataDirectory: string, launcher?: number) => {
  let lock: Awaited<ReturnType<typeof takeDataLock>> | undefined;
  let wirePort = 0;
  try {
    const database = await openEmbeddedDatabase({
      directory: embeddedDirectory(dataDirectory),
      claim: async (port) => {
        wirePort = port;
        lock = await takeDataLock(dataDirectory, { pid: process.pid, wirePort, launcher });
        await prepareDirectory(dataDirectory);
        await refuseOtherVersion(dataDirectory);
      },
    }).catch((error: Error) => {
      throw error instanceof CliError ? error : unusable(dataDirectory, error);
    });
    await rm(unfinishedMark(dataDirectory), { force: true });
    await applyRoles(database.url(), localRoles);
    return {
      wirePort,
      adminUrl: database.url(),
      migratorUrl: database.url(localRoles.migrator.user),
      /** Tells others, through the lock, the port of the endpoint. */
      announce: (endpointPort: number) =>
        lock?.update({ pid: process.pid, wirePort, endpointPort, launcher }),
      close: async () => {
        await database.close().catch((error: Error) => {
          // The data have been deleted: there is nothing left to write.
          if (existsSync(embeddedDirectory(dataDirectory))) throw error;
        });
        await lock?.release();
      },
    };
  } catch (error) {
    await lock?.release();
    throw error;
  }
};

/** PostgreSQL opens no database of another major version. @throws CliError */
const refuseOtherVersion = async (dataDirectory: string): Promise<void> => {
  const directory = embeddedDirectory(dataDirectory);
  const text = await readFile(join(directory, 'PG_VERSION'), 'utf8').catch(() => '');
  const version = text.trim();
  if (!/^\d+$/.test(version) || version === embeddedVersion) return;
  throw new CliError(
    `The embedded database in ${directory} is of PostgreSQL ${version}, and this version of Itsor opens ${embeddedVersion}: npm run db:backup with the other version of Itsor saves the data, npm run dev -- --reset deletes them.`,
  );
};

/** ENOSPC of PGlite's file system, whose errors have this number and no message (WASI, "errno"). */
const wasiNoSpace = 51;

/** Why the database does not open. A full disk is no reason to delete it. */
export const unusable = (
  dataDirectory: string,
  { message, code, errno }: Partial<NodeJS.ErrnoException>,
): CliError => {
  const subject = `The embedded database in ${embeddedDirectory(dataDirectory)} cannot be opened`;
  if (code === 'ENOSPC' || errno === wasiNoSpace)
    return new CliError(`${subject}: the disk is full. Make room, and start again.`);
  if (!message) return new CliError(`${subject}: its files cannot be read or written; the disk may be full.`);
  return new CliError(
    `${subject} (${message.split('\n')[0]}): npm run dev -- --reset deletes it and makes a new one.`,
  );
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
  await refuseHeldData(dataDirectory);
  const directory = embeddedDirectory(dataDirectory);
  const entries = await entriesOf(directory);
  const isDatabase =
    existsSync(unfinishedMark(dataDirectory)) || entries.includes('PG_VERSION') || isHalfMade(entries);
  if (!isDatabase) throw new CliError(`${directory} is not a database, so it is not deleted.`);
  await rm(directory, { recursive: true, force: true });
};
