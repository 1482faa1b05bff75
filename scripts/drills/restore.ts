import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Client } from 'pg';
import { readBackup } from '../recovery/backup-file.ts';
import {
  type Comparison,
  compareContents,
  type DrillContents,
  readAllContents,
} from '../recovery/drill-contents.ts';
import { type DrillPlace, openDrillPlace } from '../recovery/drill-place.ts';
import { withWorker } from '../recovery/drill-worker.ts';
import { bundledMigrations } from '../recovery/migrations.ts';
import { renderTable } from '../recovery/render.ts';
import { fillWithSamples, type SampleAccount } from '../recovery/sample-accounts.ts';
import { readOptions } from '../stack/arguments.ts';
import { CliError, runProgram } from '../stack/cli-error.ts';
import { interruption } from '../stack/interruption.ts';
import { applyMigrations } from '../stack/migrate.ts';
import { withOperatorDatabase } from '../stack/operator-database.ts';
import { runScript } from '../stack/run-script.ts';
import { createClient } from './client.ts';

const usage = `npm run drill:restore [-- --from file]
  Backs up a database of sample accounts, destroys it, restores it, compares every table, and runs the smoke test on a
  Worker that uses it. With --from it restores that backup instead. In a folder of its own, or with LOCAL_POSTGRES_URL
  in databases of its own on that server; .data and the databases that are there stay as they are.`;

const accounts = 500;
/** For what is under way when the drill is asked to stop. */
const graceMs = 10_000;

type Step = { readonly name: string; readonly seconds: string };

runProgram(async () => {
  const { from } = readOptions({ from: { type: 'string' } }, usage);
  const file = from === undefined ? undefined : resolve(from);
  let left = 'nothing';
  const asked = interruption(() => left);
  const place = await openDrillPlace(process.env.LOCAL_POSTGRES_URL);
  left = place.left;
  // What is opened in this process is found as by the programs that it runs.
  Object.assign(process.env, place.env);
  const steps: Step[] = [];
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    asked.throwIfAborted();
    const startedAt = performance.now();
    try {
      const result = await work();
      steps.push({ name, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) });
      return result;
    } catch (error) {
      throw error instanceof CliError ? new CliError(`✗ ${name}: ${error.message}`) : error;
    }
  };

  const run: Run = async (...command) => {
    const { status, stdout, stderr } = await runScript(command, place.env, asked);
    if (status !== 0) throw new CliError(`${stdout}${stderr}`.trim());
  };
  const perform = async () => {
    const source =
      file === undefined ? await prepareSamples(place, step, run) : await readExpected(file, step);
    await step('restore', () => run('scripts/db-restore.ts', '--from', source.file));
    const comparison = await step('compare', async () =>
      compareContents(source.contents, await readOwn(readAllContents)),
    );
    await step('smoke test on the restored database', () =>
      withWorker(place.env, asked, async (url) => {
        await run('scripts/smoke.ts', '--url', url);
        if (source.account) await requireLogin(url, source.account);
      }),
    );
    return comparison;
  };

  let comparison: readonly Comparison[];
  try {
    comparison = await untilAsked(perform(), asked);
  } finally {
    await place.close();
  }
  tell(place, steps, comparison);
});

/** @throws CliError once it is asked to stop, and what was under way has ended or has had its time to */
const untilAsked = async <T>(work: Promise<T>, asked: AbortSignal): Promise<T> => {
  const stopped = new Promise<void>((resolve) => asked.addEventListener('abort', () => resolve()));
  // The error of what is cut off tells nothing.
  await Promise.race([work.catch(() => {}), stopped]);
  if (!asked.aborted) return work;
  await Promise.race([work.catch(() => {}), sleep(graceMs)]);
  throw new CliError('✗ The drill was stopped before its end; its database and its folder are gone.');
};

type Source = { readonly file: string; readonly contents: DrillContents; readonly account?: SampleAccount };
/** @throws CliError with what the program said, when it failed */
type Run = (...command: [string, ...string[]]) => Promise<void>;
type RunStep = <T>(name: string, work: () => Promise<T>) => Promise<T>;

const prepareSamples = async (place: DrillPlace, step: RunStep, run: Run): Promise<Source> => {
  const file = join(place.directory, 'backup.jsonl.gz');
  const { account, contents } = await step(`${accounts} sample accounts`, () =>
    readOwn(async (client, url) => {
      await applyMigrations(url);
      const account = await fillWithSamples(client, accounts);
      return { account, contents: await readAllContents(client) };
    }),
  );
  await step('backup', () => run('scripts/db-backup.ts', '--out', file));
  await step('destroy', place.destroy);
  return { file, contents, account };
};

const readExpected = async (file: string, step: RunStep): Promise<Source> => {
  const { tables, migrations } = await step('read the backup', () => readBackup(file));
  // A newer migration may change what the restore has read back already.
  const isCurrent = migrations.length === bundledMigrations().length;
  const contents = tables.map(
    ({ name, rows, sha256 }) => [name, { rows, sha256: isCurrent ? sha256 : null }] as const,
  );
  return { file, contents: new Map(contents) };
};

const readOwn = <T>(work: (client: Client, url: string) => Promise<T>): Promise<T> =>
  withOperatorDatabase({ url: null, variables: {}, access: 'write' }, (client, { url }) => work(client, url));

const requireLogin = async (url: string, account: SampleAccount) => {
  const { status } = await createClient(url)('POST', '/auth/token', { json: account });
  if (status !== 200) throw new CliError(`an account of before cannot log in: ${status}`);
};

const tell = ({ name }: DrillPlace, steps: readonly Step[], comparison: readonly Comparison[]) => {
  const differing = comparison.filter(({ checksum }) => checksum === 'differs');
  console.log(`Restore drill in ${name}\n`);
  console.log(
    renderTable(
      ['step', 'seconds'],
      steps.map((each) => [each.name, each.seconds]),
    ),
  );
  console.log(
    `\n${renderTable(
      ['table', 'before', 'after', 'checksum'],
      comparison.map((row) => [row.table, row.before, row.after, row.checksum]),
    )}\n`,
  );
  if (differing.length > 0)
    throw new CliError(`✗ ${differing.map(({ table }) => table).join(', ')} did not come back.`);
  console.log(styleText('green', '✓ Everything came back, and the service works on it.'));
};
