import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CliError } from './cli-error.ts';
import { isRunning } from './processes.ts';

export type LockRecord = {
  readonly pid: number;
  /** Speaks PostgreSQL's own protocol. */
  readonly wirePort: number;
  /** Speaks Neon's SQL over HTTP; absent until it does, and where nobody asked for it. */
  readonly endpointPort?: number;
};

export type DataLock = {
  readonly update: (record: LockRecord) => Promise<void>;
  readonly release: () => Promise<void>;
};

/** SQLITE_BUSY (https://www.sqlite.org/rescode.html#busy). */
const sqliteBusy = 5;

const lockPath = (dataDirectory: string) => join(dataDirectory, 'stack.lock');

/** Who has the data directory open right now; null when nobody has, whatever a lock file may say. */
export const findLockHolder = async (dataDirectory: string): Promise<LockRecord | null> => {
  const text = await readText(lockPath(dataDirectory));
  return text === null ? null : liveRecord(text);
};

/**
 * Makes this process the only one that opens the data directory. SQLite locks a file for it, which the kernel gives free
 * when the process ends, however it ends; `stack.lock` beside it tells others whom to ask.
 *
 * @throws CliError when another process has it
 */
export const takeDataLock = async (dataDirectory: string, record: LockRecord): Promise<DataLock> => {
  // PGlite makes files that everybody may read.
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const path = lockPath(dataDirectory);
  const unlock = lockFile(`${path}.sqlite`);
  // A version before this one has no such file.
  const holder = await findLockHolder(dataDirectory);
  if (unlock === null || holder !== null) {
    unlock?.();
    throw new CliError(inUse(dataDirectory, holder));
  }
  await replaceWhole(path, record);
  return {
    update: (changed) => replaceWhole(path, changed),
    release: async () => {
      await rm(path, { force: true });
      unlock();
    },
  };
};

/** @returns what gives the file free, or null where another holds it */
const lockFile = (path: string): (() => void) | null => {
  const file = new DatabaseSync(path);
  try {
    file.exec('begin exclusive');
    return () => file.close();
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return null;
    throw error;
  }
};

export const inUse = (dataDirectory: string, holder: LockRecord | null): string =>
  `The data in ${dataDirectory} are in use by ${holder ? `process ${holder.pid}` : 'another process'}: stop it, or choose another folder with DATA_DIR.`;

/** A process id alone may have been given to somebody else since; it must also answer at its port. */
const liveRecord = async (text: string): Promise<LockRecord | null> => {
  const record = JSON.parse(text) as LockRecord;
  return isRunning(record.pid) && (await answers(record.wirePort)) ? record : null;
};

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const replaceWhole = async (path: string, record: LockRecord) => rename(await writeDraft(path, record), path);

const writeDraft = async (path: string, record: LockRecord) => {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, JSON.stringify(record));
  return draft;
};

const readText = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};
