import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { variables as configVariables } from '../../src/platform/config/variables.ts';
import { CliError, stopRequest } from '../program/cli.ts';
import { projectDirectory } from '../program/project.ts';
import type { WorkerSettings } from '../stack/serve-worker.ts';
import {
  findFreePort,
  type ServiceOptions,
  type ServiceProcess,
  startServiceProcess,
} from '../stack/service-process.ts';
import { waitForWorker } from '../stack/worker-state.ts';
import type { BareWorkerSettings } from './serve-workerd.ts';

export type BenchWorker = { readonly url: string; readonly process: ServiceProcess };

export type BenchStack = {
  readonly dataDirectory: string;
  /** The embedded database, in Neon's SQL over HTTP. */
  readonly endpointUrl: string;
  /** A Worker of a wrangler.toml, the project's own by default; resolves once it answers `/healthz`. */
  readonly startWorker: (
    variables: Readonly<Record<string, string>>,
    configPath?: string,
  ) => Promise<BenchWorker>;
  /** The same on workerd alone, without the proxy of wrangler dev. */
  readonly startBareWorker: BenchStack['startWorker'];
};

type StackOptions = {
  /** How long it may take. */
  readonly limitMs?: number;
  /** Keeps everything in memory, where the system has such a file system: workerd does nothing else while it waits for a disk. */
  readonly inMemory?: boolean;
  /** How long each round trip to the database takes more than it does on one machine. */
  readonly networkMs?: number;
};

/** Limits that refuse nothing, over windows in which as little is remembered as in a service under its limits. */
export const withoutLimits = {
  LOG_LEVEL: 'error',
  RATE_LIMIT_MAX: '1000000',
  RATE_LIMIT_WINDOW_MS: '1000',
  LOGIN_BRUTE_MAX_ATTEMPTS: '1000000',
  LOGIN_BRUTE_WINDOW_MS: '1000',
} as const;

/** Of Linux. */
const memoryFiles = '/dev/shm';

/** An empty variable counts as unset: a .dev.vars of whoever runs this changes nothing. */
const unset = Object.fromEntries(Object.keys(configVariables).map((name) => [name, '']));

/**
 * Runs `measure` beside a database of its own in a fresh directory, and leaves nothing, Ctrl-C or not.
 *
 * @throws CliError when it takes longer than `limitMs`
 */
export const withStack = async (
  measure: (stack: BenchStack) => Promise<void>,
  { limitMs, inMemory = false, networkMs = 0 }: StackOptions = {},
): Promise<void> => {
  const stop = stopRequest();
  const ending = new AbortController();
  await using cleanup = new AsyncDisposableStack();
  const root = inMemory && existsSync(memoryFiles) ? memoryFiles : tmpdir();
  const dataDirectory = await mkdtemp(join(root, 'itsor-bench-'));
  cleanup.defer(() => rm(dataDirectory, { recursive: true, force: true }));
  const temporaryDirectory = join(dataDirectory, 'tmp');
  await mkdir(temporaryDirectory);
  const start = (options: ServiceOptions) => {
    // What wrangler leaves behind when it is stopped in the midst of something goes with the rest.
    const env = { ...process.env, ...options.env, TMPDIR: temporaryDirectory };
    const service = startServiceProcess({ ...options, env });
    cleanup.defer(service.stop);
    return service;
  };
  cleanup.defer(() => ending.abort());

  const database = start({
    name: 'database',
    program: new URL('../stack/serve-endpoint.ts', import.meta.url),
    args: ['--network-ms', String(networkMs)],
    env: { DATA_DIR: dataDirectory, LOCAL_POSTGRES_URL: '' },
  });
  const measuring = database.ready.then(async () => {
    const endpointUrl = `http://127.0.0.1:${await database.listening}/sql`;
    const variablesOf = (variables: Readonly<Record<string, string>>) => ({
      ...unset,
      NEON_HTTP_ENDPOINT: endpointUrl,
      ...variables,
    });
    const answering = async (port: number, process: ServiceProcess): Promise<BenchWorker> => {
      const url = `http://127.0.0.1:${port}`;
      await Promise.race([waitForWorker(url, ending.signal), failure(process)]);
      return { url, process };
    };
    const ownConfig = join(projectDirectory, 'wrangler.toml');

    const startWorker: BenchStack['startWorker'] = async (variables, configPath = ownConfig) => {
      const port = await findFreePort();
      const program = new URL('../stack/serve-worker.ts', import.meta.url);
      const settings: WorkerSettings = {
        configPath,
        hostname: '127.0.0.1',
        port,
        stateDirectory: join(dataDirectory, `worker-${port}`),
        logDirectory: join(dataDirectory, 'logs'),
        variables: variablesOf(variables),
      };
      return answering(port, start({ name: 'Worker', program, settings }));
    };
    const startBareWorker: BenchStack['startWorker'] = async (variables, configPath = ownConfig) => {
      const port = await findFreePort();
      const program = new URL('serve-workerd.ts', import.meta.url);
      const settings: BareWorkerSettings = {
        configPath,
        port,
        outDirectory: join(dataDirectory, `bundle-${port}`),
        variables: variablesOf(variables),
      };
      return answering(port, start({ name: 'Worker', program, settings }));
    };
    await measure({ dataDirectory, endpointUrl, startWorker, startBareWorker });
  });
  await Promise.race([measuring, stop, ...(limitMs === undefined ? [] : [tooLong(limitMs, ending.signal)])]);
};

const tooLong = async (limitMs: number, signal: AbortSignal): Promise<never> => {
  await sleep(limitMs, undefined, { signal });
  throw new CliError(`✗ It took longer than ${limitMs / 1000} seconds.`);
};

/** Rejects with what the service says of itself, should it not start. */
const failure = (service: ServiceProcess) =>
  service.ready.then(() => service.gone).then(() => Promise.reject(new Error('The Worker has ended.')));
