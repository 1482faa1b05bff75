import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CliError } from '../program/cli.ts';

export type LockRecord = {
  readonly pid: number;
  /** Speaks PostgreSQL's own protocol. */
  readonly wirePort: number;
  /** Speaks Neon's SQL over HTTP; absent until it does, and where there is no endpoint. */
  readonly endpointPort?: number;
};

const lockPath = (dataDirectory: string) => join(dataDirectory, 'stack.lock');

/**
 * Makes this process the only one that opens the data directory. SQLite locks a file for it, and the kernel frees that
 * lock when the process ends, however it ends; `stack.lock` beside it tells others the holder's ports.
 *
 * @throws CliError when another process has it
 */
export const takeDataLock = async (dataDirectory: string, record: LockRecord) => {
  // PGlite makes files that everybody may read.
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const path = lockPath(dataDirectory);
  const unlock = lockFile(`${path}.sqlite`);
  if (unlock === null) throw new CliError(inUse(dataDirectory, await readRecord(path)));
  const write = async (changed: LockRecord) => {
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, JSON.stringify(changed));
    await rename(draft, path);
  };
  await write(record);
  return {
    update: write,
    release: async () => {
      await rm(path, { force: true });
      unlock();
    },
  };
};

/** SQLITE_BUSY (https://www.sqlite.org/rescode.html#busy). */
const sqliteBusy = 5;
/** Longer than `findLockHolder` has the lock while it looks. */
const waitMs = 50;

/** @returns a function that frees the file, or null where another process holds it */
const lockFile = (path: string): (() => void) | null => {
  const file = new DatabaseSync(path, { timeout: waitMs });
  try {
    file.exec('begin exclusive');
    return () => file.close();
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return null;
    throw error;
  }
};

/** The process that has the data directory open; null without one, although `stack.lock` may name one that crashed. */
export const findLockHolder = async (dataDirectory: string): Promise<LockRecord | null> => {
  const record = await readRecord(lockPath(dataDirectory));
  const unlock = record && lockFile(`${lockPath(dataDirectory)}.sqlite`);
  unlock?.();
  return unlock ? null : record;
};

const readRecord = async (path: string): Promise<LockRecord | null> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};

export const inUse = (dataDirectory: string, holder: LockRecord | null): string =>
  `The data in ${dataDirectory} are in use by ${holder ? `process ${holder.pid}` : 'another process'}: stop it, or choose another folder with DATA_DIR.`;
