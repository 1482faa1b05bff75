import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environmentOf } from '../program/child.ts';
import { CliError } from '../program/cli.ts';
import { projectDirectory } from '../program/project.ts';
import { embeddedDirectory } from '../stack/local-database.ts';
import { withClient } from '../stack/postgres.ts';
import { findFreePort } from '../stack/service-process.ts';
import { waitForWorker } from '../stack/worker-state.ts';

export type DrillPlace = {
  readonly name: string;
  /** What leads the programs of the stack to its database and to nothing else. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Leaves nothing of the database. */
  readonly destroy: () => Promise<void>;
  /** What there is of it, for a person who has to take it away by hand. */
  readonly left: string;
  readonly close: () => Promise<void>;
};

/** A database of its own: embedded in a folder of its own, or on the server of `serverUrl`. */
export const openDrillPlace = async (serverUrl: string | undefined): Promise<DrillPlace> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-drill-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  if (!serverUrl) {
    return {
      name: 'an embedded database',
      env: { DATA_DIR: directory, LOCAL_POSTGRES_URL: '' },
      directory,
      destroy: () => rm(embeddedDirectory(directory), { recursive: true }),
      left: directory,
      close: remove,
    };
  }
  const name = `itsor_drill_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const administer = (...statements: string[]) =>
    withClient(serverUrl, async (client) => {
      for (const statement of statements) await client.query(statement);
    });
  const create = `create database ${name}`;
  const drop = `drop database if exists ${name} with (force)`;
  await administer(create).catch(async (error: Error) => {
    await remove();
    throw new CliError(`A database for the drill cannot be made on ${url.host}: ${error.message}`);
  });
  return {
    name: `${url.host}/${name}`,
    env: { DATA_DIR: directory, LOCAL_POSTGRES_URL: url.href },
    directory,
    destroy: () => administer(drop, create),
    left: `the database ${name} on ${url.host} and ${directory}`,
    close: async () => {
      // Neither stays because the other does.
      const [dropped] = await Promise.allSettled([administer(drop), remove()]);
      if (dropped.status === 'rejected')
        throw new CliError(`✗ The database ${name} on ${url.host} is left: ${dropped.reason.message}`);
    },
  };
};

const readyWithinMs = 90_000;

/** `npm run dev` on the database of a drill, for as long as `work` takes, and no longer than until it is asked to stop. */
export const withWorker = async <T>(
  { env }: DrillPlace,
  asked: AbortSignal,
  work: (url: string) => Promise<T>,
): Promise<T> => {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, ['scripts/dev.ts'], {
    cwd: projectDirectory,
    env: environmentOf({ ...env, BACKEND_PORT: String(port) }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const gone = once(child, 'close');
  try {
    const signal = AbortSignal.any([asked, AbortSignal.timeout(readyWithinMs)]);
    await Promise.race([waitUntilReady(url, signal), gone]);
    if (child.exitCode !== null || signal.aborted) throw new CliError(`The Worker did not start:\n${output}`);
    return await work(url);
  } finally {
    child.kill('SIGINT');
    await gone;
  }
};

const waitUntilReady = async (url: string, signal: AbortSignal) => {
  await waitForWorker(url, signal);
  while (!signal.aborted) {
    const answer = await fetch(`${url}/readyz`, { signal }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await sleep(100);
  }
};
