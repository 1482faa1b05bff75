import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { isRunning } from './processes.ts';
import { Sentence } from './sentence.ts';

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

const lockPath = (dataDirectory: string) => join(dataDirectory, 'stack.lock');

/** Who has the data directory open right now; null when nobody has, whatever a lock file may say. */
export const findLockHolder = async (dataDirectory: string): Promise<LockRecord | null> => {
  const text = await readText(lockPath(dataDirectory));
  return text === null ? null : liveRecord(text);
};

/**
 * Makes this process the only one that opens the data directory. The lock of a dead process is taken over.
 *
 * @throws Sentence when another process has it
 */
export const takeDataLock = async (dataDirectory: string, record: LockRecord): Promise<DataLock> => {
  // PGlite makes files that everybody may read.
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const path = lockPath(dataDirectory);
  while (!(await createWhole(path, record))) {
    const text = await readText(path);
    if (text === null) continue;
    const holder = await liveRecord(text);
    if (holder !== null) throw new Sentence(inUse(dataDirectory, holder));
    await removeStale(path, text);
  }
  return {
    update: (changed) => replaceWhole(path, changed),
    release: () => rm(path, { force: true }),
  };
};

export const inUse = (dataDirectory: string, { pid }: LockRecord): string =>
  `The data in ${dataDirectory} are in use by process ${pid}: stop it, or choose another folder with DATA_DIR.`;

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

/** A link appears with all its content or, where the name is taken, not at all. */
const createWhole = async (path: string, record: LockRecord): Promise<boolean> => {
  const draft = await writeDraft(path, record);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft);
  }
};

const replaceWhole = async (path: string, record: LockRecord) => rename(await writeDraft(path, record), path);

const writeDraft = async (path: string, record: LockRecord) => {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, JSON.stringify(record));
  return draft;
};

/** Two processes may find the same stale lock; the slower one must not remove the lock of the faster. */
const removeStale = async (path: string, staleText: string) => {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readText(aside)) !== staleText) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
};

const readText = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};
