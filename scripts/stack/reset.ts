import { readdir, rm } from 'node:fs/promises';
import { CliError } from './cli-error.ts';
import { findLockHolder, inUse } from './data-lock.ts';
import { embeddedDirectory } from './local-database.ts';

/**
 * Deletes the embedded database of a data directory and nothing beside it.
 *
 * @throws CliError when it is in use, or when the folder is not a database
 */
export const resetEmbeddedDatabase = async (dataDirectory: string): Promise<void> => {
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
