import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { it, vi } from 'vitest';
import { createClient, fail, requireStatus } from '../../scripts/drills/client.ts';
import { environmentOf, runScript } from '../../scripts/program/child.ts';
import { CliError, stopRequest } from '../../scripts/program/cli.ts';
import { readBackup, renderTable } from '../../scripts/recovery/backup-file.ts';
import { bundledMigrations } from '../../scripts/recovery/migrations.ts';
import { readAllContents } from '../../scripts/recovery/tables.ts';
import { embeddedDirectory } from '../../scripts/stack/local-database.ts';
import { withOperatorDatabase } from '../../scripts/stack/operator-database.ts';
import { applyMigrations } from '../../scripts/stack/postgres.ts';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { createDatabase } from '../support/node/database.ts';
import { limitMs } from '../support/node/drill.ts';
import { fillWithSamples, type SampleAccount } from '../support/node/sample-accounts.ts';
import { startStack } from '../support/node/stack.ts';

// docs/runbooks/restore.md. npm run drill:restore names the backup and the server; the test suite tries both kinds.
const { DRILL_FROM: from, LOCAL_POSTGRES_URL: ofDrill, TEST_DATABASE_URL: ofTests = '' } = process.env;
const servers = from === undefined ? { embedded: '', postgres: ofTests } : { drill: ofDrill ?? '' };
const accounts = 500;
/** For the work that is under way when the drill is asked to stop. */
const graceMs = 10_000;

for (const [kind, serverUrl] of Object.entries(servers)) {
  it.skipIf(kind === 'postgres' && serverUrl === '')(
    `a backup comes back as it was, and the service works on it (${kind})`,
    { timeout: limitMs },
    async () => {
      const asked = new AbortController();
      const stopped = stopRequest().then(() => asked.abort());
      const place = await openPlace(serverUrl);
      try {
        const work = drill(place, asked.signal);
        // The error of a step that is cut off tells nothing.
        await Promise.race([work.catch(() => {}), stopped]);
        if (!asked.signal.aborted) return await work;
        await Promise.race([work.catch(() => {}), sleep(graceMs)]);
        throw new CliError('✗ The drill was stopped before its end.');
      } finally {
        vi.unstubAllEnvs();
        await place.close();
      }
    },
  );
}

type Place = {
  readonly name: () => string;
  readonly directory: string;
  /** Leads the programs of the stack to its database and to nothing else. */
  readonly env: () => Readonly<Record<string, string>>;
  /** Leaves nothing of the database. */
  readonly destroy: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** A database of its own: embedded in a folder of its own, or on a server. */
const openPlace = async (serverUrl: string): Promise<Place> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-drill-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  if (!serverUrl) {
    return {
      name: () => 'an embedded database',
      directory,
      env: () => ({ DATA_DIR: directory, LOCAL_POSTGRES_URL: '' }),
      destroy: () => rm(embeddedDirectory(directory), { recursive: true }),
      close: remove,
    };
  }
  const { host } = new URL(serverUrl);
  let database = await createDatabase(serverUrl, 'drill').catch((error: Error) => {
    throw new CliError(`✗ A database for the drill cannot be made on ${host}: ${error.message}`);
  });
  return {
    name: () => host + new URL(database.adminUrl).pathname,
    directory,
    env: () => ({ DATA_DIR: directory, LOCAL_POSTGRES_URL: database.adminUrl }),
    destroy: async () => {
      await database.close();
      database = await createDatabase(serverUrl, 'drill');
    },
    close: () => Promise.all([database.close(), remove()]).then(() => {}),
  };
};

/** By table; a checksum of null is not compared. */
type Expected = ReadonlyMap<string, { readonly rows: number; readonly sha256: string | null }>;
type Source = { readonly file: string; readonly contents: Expected; readonly account?: SampleAccount };

const drill = async (place: Place, asked: AbortSignal): Promise<void> => {
  const steps: string[][] = [];
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    asked.throwIfAborted();
    // A database that is opened in this process is found as by the programs that it runs.
    for (const [variable, value] of Object.entries(place.env())) vi.stubEnv(variable, value);
    const startedAt = performance.now();
    try {
      const result = await work();
      steps.push([name, ((performance.now() - startedAt) / 1000).toFixed(1)]);
      return result;
    } catch (error) {
      throw error instanceof CliError ? fail(name, error.message) : error;
    }
  };
  const run = async (...command: [string, ...string[]]): Promise<void> => {
    const { status, stdout, stderr } = await runScript(command, place.env(), asked);
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
    // A newer migration may change rows that the restore has already read back.
    const isCurrent = migrations.length === bundledMigrations().length;
    const contents = tables.map(
      ({ name, rows, sha256 }) => [name, { rows, sha256: isCurrent ? sha256 : null }] as const,
    );
    return { file, contents: new Map(contents) };
  };

  const { file, contents, account } = from ? await readGiven(from) : await backUpSamples();
  await step('restore', () => run('scripts/db-restore.ts', '--from', file));
  const restored = await step('compare', () => readOwn(readAllContents));
  await step('smoke test on the restored database', async () => {
    const port = await findFreePort();
    const env = environmentOf({ ...place.env(), BACKEND_PORT: String(port) }) as Record<string, string>;
    const stack = await startStack({ port, dataDirectory: place.directory, env });
    try {
      await run('scripts/smoke.ts', '--url', stack.url);
      if (!account) return;
      const login = await createClient(stack.url)('POST', '/auth/token', { json: account });
      requireStatus('an account of the backup logs in', login, 200);
    } finally {
      await stack.stop();
    }
  });

  const comparison = compare(contents, restored);
  console.log(`Restore drill in ${place.name()}\n\n${renderTable(['step', 'seconds'], steps)}\n`);
  console.log(`${renderTable(['table', 'before', 'after', 'checksum'], comparison)}\n`);
  const differing = comparison.filter(([, , , checksum]) => checksum === 'differs').map(([table]) => table);
  if (differing.length > 0) throw fail('compare', `${differing.join(', ')} did not come back`);
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
