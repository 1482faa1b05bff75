import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Client } from 'pg';
import { runScript } from '../program/child.ts';
import { CliError, interruption, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { readBackup, renderTable } from '../recovery/backup-file.ts';
import { bundledMigrations } from '../recovery/migrations.ts';
import { readAllContents } from '../recovery/tables.ts';
import { withOperatorDatabase } from '../stack/operator-database.ts';
import { applyMigrations } from '../stack/postgres.ts';
import { createClient, requireStatus } from './client.ts';
import { type DrillPlace, openDrillPlace, withWorker } from './restore-place.ts';
import { fillWithSamples, type SampleAccount } from './sample-accounts.ts';

const usage = `npm run drill:restore [-- --from file]
  Backs up a database of sample accounts, destroys it, restores it, compares every table, and runs the smoke test on a
  Worker that uses it. With --from it restores that backup instead. In a folder of its own, or with LOCAL_POSTGRES_URL
  in databases of its own on that server; .data and the databases that are there stay as they are.`;

const accounts = 500;
/** For what is under way when the drill is asked to stop. */
const graceMs = 10_000;

runProgram(async () => {
  const { from } = readOptions({ from: { type: 'string' } }, usage);
  let left = 'nothing';
  const asked = interruption(() => left);
  const place = await openDrillPlace(process.env.LOCAL_POSTGRES_URL);
  left = place.left;
  // What is opened in this process is found as by the programs that it runs.
  Object.assign(process.env, place.env);
  try {
    await untilAsked(drill(place, asked, from && resolve(from)), asked);
  } finally {
    await place.close();
  }
});

/** @throws CliError once it is asked to stop, and what was under way has ended or has had its time to */
const untilAsked = async (work: Promise<void>, asked: AbortSignal): Promise<void> => {
  const stopped = new Promise<void>((resolve) => asked.addEventListener('abort', () => resolve()));
  // The error of what is cut off tells nothing.
  await Promise.race([work.catch(() => {}), stopped]);
  if (!asked.aborted) return work;
  await Promise.race([work.catch(() => {}), sleep(graceMs)]);
  throw new CliError('✗ The drill was stopped before its end; its database and its folder are gone.');
};

/** By table; a checksum of null is not compared. */
type Expected = ReadonlyMap<string, { readonly rows: number; readonly sha256: string | null }>;
type Source = { readonly file: string; readonly contents: Expected; readonly account?: SampleAccount };

const drill = async (place: DrillPlace, asked: AbortSignal, from: string | undefined): Promise<void> => {
  const steps: string[][] = [];
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    asked.throwIfAborted();
    const startedAt = performance.now();
    try {
      const result = await work();
      steps.push([name, ((performance.now() - startedAt) / 1000).toFixed(1)]);
      return result;
    } catch (error) {
      throw error instanceof CliError ? new CliError(`✗ ${name}: ${error.message}`) : error;
    }
  };
  const run = async (...command: [string, ...string[]]): Promise<void> => {
    const { status, stdout, stderr } = await runScript(command, place.env, asked);
    if (status !== 0) throw new CliError(`${stdout}${stderr}`.trim());
  };

  const backUpSamples = async (): Promise<Source> => {
    const file = join(place.directory, 'backup.jsonl.gz');
    const samples = await step(`${accounts} sample accounts`, makeSamples);
    await step('backup', () => run('scripts/db-backup.ts', '--out', file));
    await step('destroy', place.destroy);
    return { file, ...samples };
  };
  const readGiven = async (file: string): Promise<Source> => {
    const { tables, migrations } = await step('read the backup', () => readBackup(file));
    // A newer migration may change what the restore has read back already.
    const isCurrent = migrations.length === bundledMigrations().length;
    const contents = tables.map(
      ({ name, rows, sha256 }) => [name, { rows, sha256: isCurrent ? sha256 : null }] as const,
    );
    return { file, contents: new Map(contents) };
  };

  const { file, contents, account } = from === undefined ? await backUpSamples() : await readGiven(from);
  await step('restore', () => run('scripts/db-restore.ts', '--from', file));
  const restored = await step('compare', () => readOwn(readAllContents));
  await step('smoke test on the restored database', () =>
    withWorker(place, asked, async (url) => {
      await run('scripts/smoke.ts', '--url', url);
      if (!account) return;
      const login = await createClient(url)('POST', '/auth/token', { json: account });
      requireStatus('an account of the backup logs in', login, 200);
    }),
  );
  tell(place, steps, compare(contents, restored));
};

const readOwn = <T>(work: (client: Client, url: string) => Promise<T>): Promise<T> =>
  withOperatorDatabase({ url: null, variables: {}, access: 'write' }, (client, { url }) => work(client, url));

const makeSamples = () =>
  readOwn(async (client, url) => {
    await applyMigrations(url);
    const account = await fillWithSamples(client, accounts);
    return { account, contents: await readAllContents(client) };
  });

/** A row per table: its rows before and after, and whether they are the same. */
const compare = (before: Expected, after: Expected): string[][] =>
  [...new Set([...before.keys(), ...after.keys()])].map((table) => {
    const [was, is] = [before.get(table), after.get(table)];
    const checksum = was?.sha256 === null ? 'not compared' : was?.sha256 === is?.sha256 ? 'same' : 'differs';
    return [table, String(was?.rows ?? 'none'), String(is?.rows ?? 'none'), checksum];
  });

const tell = ({ name }: DrillPlace, steps: readonly string[][], comparison: readonly string[][]): void => {
  console.log(`Restore drill in ${name}\n\n${renderTable(['step', 'seconds'], steps)}\n`);
  console.log(`${renderTable(['table', 'before', 'after', 'checksum'], comparison)}\n`);
  const differing = comparison.filter(([, , , checksum]) => checksum === 'differs').map(([table]) => table);
  if (differing.length > 0) throw new CliError(`✗ ${differing.join(', ')} did not come back.`);
  console.log(styleText('green', '✓ Everything came back, and the service works on it.'));
};
