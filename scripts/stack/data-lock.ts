import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { CliError } from '../program/cli.ts';

export type LockRecord = {
  readonly pid: number;
  /** Speaks PostgreSQL's own protocol. */
  readonly wirePort: number;
  /** Speaks Neon's SQL over HTTP; absent until it does, and where there is no endpoint. */
  readonly endpointPort?: number | undefined;
  /** The process of `npm run dev` that started this one, and whose end is the end of both. */
  readonly launcher?: number | undefined;
};

const lockPath = (dataDirectory: string) => join(dataDirectory, 'stack.lock');

/** Makes the folder of the local stack, which takes files. @throws CliError */
export const makeDataDirectory = async (dataDirectory: string): Promise<void> => {
  const probe = join(dataDirectory, `probe.${process.pid}`);
  try {
    // PGlite makes files that everybody may read.
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    throw new CliError(
      `DATA_DIR ${dataDirectory} cannot be used (${(error as NodeJS.ErrnoException).code}): it must be a folder that can be made and written to.`,
    );
  }
};

/**
 * Makes this process the only one that opens the data directory. SQLite locks a file for it, and the kernel frees that
 * lock when the process ends, however it ends; `stack.lock` beside it tells others the holder's ports.
 *
 * @throws CliError when another process has it
 */
export const takeDataLock = async (dataDirectory: string, record: LockRecord) => {
  await makeDataDirectory(dataDirectory);
  const path = lockPath(dataDirectory);
  const unlock = lockFile(`${path}.sqlite`);
  if (unlock === null) throw new CliError(inUse(dataDirectory, recordOf(await readFileOrNull(path))));
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

/**
 * @returns a function that frees the file, or null where another process holds it
 * @throws CliError when the file cannot be locked at all
 */
const lockFile = (path: string): (() => void) | null => {
  let file: DatabaseSync | undefined;
  try {
    file = new DatabaseSync(path, { timeout: waitMs });
    const opened = file;
    opened.exec('begin exclusive');
    return () => opened.close();
  } catch (error) {
    file?.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return null;
    // Not deleted here: a process that still runs may hold it.
    throw new CliError(
      `${path} cannot be locked (${(error as Error).message}): delete it once no npm run dev runs, or choose another folder with DATA_DIR.`,
    );
  }
};

/**
 * The process that has the data directory open; null without one, although `stack.lock` may name one that crashed.
 *
 * @throws CliError when a process has it open, and `stack.lock` does not say which
 */
export const findLockHolder = async (dataDirectory: string): Promise<LockRecord | null> => {
  const text = await readFileOrNull(lockPath(dataDirectory));
  if (text === null) return null;
  const unlock = lockFile(`${lockPath(dataDirectory)}.sqlite`);
  unlock?.();
  if (unlock) return null;
  const record = recordOf(text);
  if (record === null) throw new CliError(inUse(dataDirectory, null));
  return record;
};

const readFileOrNull = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new CliError(`${path} cannot be read: ${(error as Error).message}`);
  }
};

const Port = z.int().min(1).max(65_535);
const Pid = z.int().positive();
const Holder = z.object({
  pid: Pid,
  wirePort: Port,
  endpointPort: Port.optional(),
  launcher: Pid.optional(),
});

/** Null where the text is not a record: a machine that stopped while it was written leaves a file empty or cut off. */
const recordOf = (text: string | null): LockRecord | null => {
  try {
    return Holder.safeParse(JSON.parse(text ?? '')).data ?? null;
  } catch {
    return null;
  }
};

const nameOf = (holder: LockRecord | null): string => {
  if (holder === null) return 'another process';
  return holder.launcher ? `npm run dev (process ${holder.launcher})` : `process ${holder.pid}`;
};

const inUse = (dataDirectory: string, holder: LockRecord | null): string =>
  `The data in ${dataDirectory} are in use by ${nameOf(holder)}: stop it, or choose another folder with DATA_DIR.`;

/** @throws CliError when a process has the data directory open */
export const refuseHeldData = async (dataDirectory: string): Promise<void> => {
  const holder = await findLockHolder(dataDirectory);
  if (holder !== null) throw new CliError(inUse(dataDirectory, holder));
};
