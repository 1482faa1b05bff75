import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions, requirePostgresUrl } from './program/options.ts';
import { dataDirectory, variablesOf } from './program/project.ts';
import { backUp, renderContents } from './recovery/backup-file.ts';
import { withOperatorDatabase } from './stack/operator-database.ts';

const usage = `npm run db:backup [-- --out file] [--env production] [--url postgres://…]
  --out   a new file, which only you may read; - is standard output (with npm run -s).
          Without it: a new file in .data/backups
  --env   the database of that environment: its variables of wrangler.toml, and this process's over them
Without --url: MIGRATIONS_DATABASE_URL, DATABASE_URL, LOCAL_POSTGRES_URL, or else the embedded database.`;

const options = { out: { type: 'string' }, env: { type: 'string' }, url: { type: 'string' } } as const;

runProgram(async () => {
  const { out, env, url } = readOptions(options, usage);
  const variables = await variablesOf(env);
  const request = { url: requirePostgresUrl(url), variables, access: 'read' } as const;
  const path = out === '-' ? null : resolve(out ?? defaultPath());
  await withOperatorDatabase(request, async (client, { place }) => {
    try {
      if (path === null) return void (await backUp(client, place, process.stdout, console.error));
      const summary = await writeWhole(path, (stream) => backUp(client, place, stream, console.error));
      console.log(`${place} is backed up in ${path}:\n\n${renderContents(summary)}\n
It holds addresses and password hashes: encrypt it before it leaves this machine (docs/runbooks/restore.md).`);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const place = path ?? 'standard output';
      throw new CliError(
        error.code === 'EEXIST'
          ? `There is a file ${place} already.`
          : `${place} cannot be written: ${error.code}.`,
      );
    }
  });
});

const defaultPath = (): string => {
  const time = new Date().toISOString().replace(/\.\d+/, '').replaceAll(':', '-');
  return join(dataDirectory(), 'backups', `itsor-${time}.jsonl.gz`);
};

/** Leaves no file when it fails. A restore refuses the file of a killed process. */
const writeWhole = async <T>(path: string, write: (stream: Writable) => Promise<T>): Promise<T> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600);
  try {
    return await write(file.createWriteStream({ flush: true }));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
};

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error;
