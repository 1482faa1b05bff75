import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { backUp } from './recovery/back-up.ts';
import type { BackupSummary } from './recovery/backup-file.ts';
import { renderContents } from './recovery/render.ts';
import { readOptions, requirePostgresUrl } from './stack/arguments.ts';
import { CliError, runProgram } from './stack/cli-error.ts';
import { withOperatorDatabase } from './stack/operator-database.ts';
import { dataDirectory } from './stack/project.ts';
import { variablesOf } from './stack/wrangler-variables.ts';

const usage = `npm run db:backup [-- --out file] [--env production] [--url postgres://…]
  --out   a file that is not there yet, which only you may read; - is standard output (with npm run -s).
          Without it: a new one in .data/backups
  --env   the database of that environment: its variables of wrangler.toml, and this process's over them
Without --url: MIGRATIONS_DATABASE_URL, DATABASE_URL, LOCAL_POSTGRES_URL, or else the embedded database.`;

const options = { out: { type: 'string' }, env: { type: 'string' }, url: { type: 'string' } } as const;

runProgram(async () => {
  const { out, env, url } = readOptions(options, usage);
  const request = {
    url: requirePostgresUrl(url),
    variables: await variablesOf(env),
    access: 'read',
  } as const;
  await withOperatorDatabase(request, async (client, { place }) => {
    const write = (stream: Writable) => backUp(client, place, stream);
    if (out === '-') return void (await writeOut(write));
    const path = resolve(out ?? defaultPath());
    const { tables } = await writeWhole(path, write);
    console.log(`${place} is backed up in ${path}:\n\n${renderContents(tables)}\n
It holds addresses and password hashes: encrypt it before it leaves this machine (docs/runbooks/restore.md).`);
  });
});

const defaultPath = (): string => {
  const time = new Date().toISOString().replace(/\.\d+/, '').replaceAll(':', '-');
  return join(dataDirectory(), 'backups', `itsor-${time}.jsonl.gz`);
};

const writeOut = async (write: (stream: Writable) => Promise<BackupSummary>): Promise<void> => {
  try {
    await write(process.stdout);
  } catch (error) {
    throw isSystemError(error) ? unwritable('standard output', error) : error;
  }
};

/** What a process that was killed leaves behind is refused by a restore. */
const writeWhole = async (path: string, write: (stream: Writable) => Promise<BackupSummary>) => {
  const file = await create(path);
  try {
    return await write(file.createWriteStream({ flush: true }));
  } catch (error) {
    await rm(path, { force: true });
    throw isSystemError(error) ? unwritable(path, error) : error;
  }
};

const create = async (path: string) => {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, 'wx', 0o600);
  } catch (error) {
    throw isSystemError(error) ? unwritable(path, error) : error;
  }
};

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error;

const unwritable = (path: string, { code }: NodeJS.ErrnoException) =>
  new CliError(
    code === 'EEXIST' ? `There is a file ${path} already.` : `${path} cannot be written: ${code}.`,
  );
