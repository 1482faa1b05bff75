import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { neon, neonConfig } from '@neondatabase/serverless';
import { unsetVariables } from '../program/child.ts';
import { CliError, stopRequest } from '../program/cli.ts';
import { projectDirectory, sayLocal } from '../program/project.ts';
import { localRoles } from '../stack/database-plan.ts';
import type { WorkerSettings } from '../stack/serve-worker.ts';
import {
  findFreePort,
  type ServiceOptions,
  type ServiceProcess,
  startServiceProcess,
} from '../stack/service-process.ts';
import { waitForWorker } from '../stack/worker-state.ts';
import { createServerDatabase, type ServerDatabase } from './server-database.ts';

export type BenchWorker = { readonly url: string; readonly process: ServiceProcess };

/** Starts the Worker of a wrangler.toml, by default the project's own; resolves once it answers `/healthz`. */
type StartWorker = (variables: Readonly<Record<string, string>>, configPath?: string) => Promise<BenchWorker>;

export type BenchStack = {
  readonly dataDirectory: string;
  /** The database, in Neon's SQL over HTTP. */
  readonly endpointUrl: string;
  /** The database where it is on a server; null for the embedded one. */
  readonly server: ServerDatabase | null;
  readonly startWorker: StartWorker;
  /** The same on workerd alone, without the proxy of wrangler dev. */
  readonly startBareWorker: StartWorker;
};

type StackOptions = {
  readonly limitMs?: number;
  /** Keeps all files in memory where the system can: workerd does nothing else while it waits for a disk. */
  readonly inMemory?: boolean;
  /** Added to each round trip to the database. */
  readonly networkMs?: number;
  /** A PostgreSQL on which a database is made, and dropped at the end; without one the embedded database is taken. */
  readonly serverUrl?: string | null;
};

/** Limits that refuse nothing, over windows so short that little is remembered, as in a service under its limits. */
export const withoutLimits = {
  LOG_LEVEL: 'error',
  RATE_LIMIT_MAX: '1000000',
  RATE_LIMIT_WINDOW_MS: '1000',
  LOGIN_BRUTE_MAX_ATTEMPTS: '1000000',
  LOGIN_BRUTE_WINDOW_MS: '1000',
} as const;

/** The connection string of a role; the endpoint of a stack asks for no password. */
export const databaseUrl = (role: keyof typeof localRoles) =>
  `postgres://${localRoles[role].user}:unchecked@embedded.localhost/itsor`;

/** Neon's driver at the endpoint of a stack. */
export const connectAs = (role: keyof typeof localRoles, endpointUrl: string) => {
  neonConfig.fetchEndpoint = () => endpointUrl;
  return neon(databaseUrl(role));
};

/** Of Linux. */
const memoryFiles = '/dev/shm';

/**
 * Runs `measure` beside a database of its own in a fresh directory, and leaves nothing, Ctrl-C or not.
 *
 * @throws CliError when it takes longer than `limitMs`
 */
export const withStack = async (
  measure: (stack: BenchStack) => Promise<void>,
  { limitMs, inMemory = false, networkMs = 0, serverUrl = null }: StackOptions = {},
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
    // Files that wrangler leaves behind when it is interrupted go with the rest.
    const env = { ...process.env, ...options.env, TMPDIR: temporaryDirectory };
    const service = startServiceProcess({ ...options, env });
    cleanup.defer(service.stop);
    return service;
  };
  cleanup.defer(() => ending.abort());

  const server = serverUrl === null ? null : await createServerDatabase(serverUrl, 'bench');
  cleanup.defer(async () => server?.drop());
  const database = start({
    name: 'database',
    program: new URL('../stack/serve-endpoint.ts', import.meta.url),
    args: ['--network-ms', String(networkMs)],
    env: { DATA_DIR: dataDirectory, LOCAL_POSTGRES_URL: server?.url ?? '' },
  });

  const measuring = database.ready.then(async () => {
    const endpointUrl = `http://127.0.0.1:${await database.listening}/sql`;
    const startWith =
      (program: URL): StartWorker =>
      async (variables, configPath = join(projectDirectory, 'wrangler.toml')) => {
        const port = await findFreePort();
        const url = `http://127.0.0.1:${port}`;
        const settings: WorkerSettings = {
          configPath,
          hostname: '127.0.0.1',
          port,
          stateDirectory: join(dataDirectory, `worker-${port}`),
          logDirectory: join(dataDirectory, 'logs'),
          variables: sayLocal({ ...unsetVariables, NEON_HTTP_ENDPOINT: endpointUrl, ...variables }),
        };
        const worker = start({ name: 'Worker', program, settings });
        await Promise.race([waitForWorker(url, ending.signal), failure(worker)]);
        return { url, process: worker };
      };
    await measure({
      dataDirectory,
      endpointUrl,
      server,
      startWorker: startWith(new URL('../stack/serve-worker.ts', import.meta.url)),
      startBareWorker: startWith(new URL('serve-workerd.ts', import.meta.url)),
    });
  });
  await Promise.race([measuring, stop, ...(limitMs === undefined ? [] : [tooLong(limitMs, ending.signal)])]);
};

const tooLong = async (limitMs: number, signal: AbortSignal): Promise<never> => {
  await sleep(limitMs, undefined, { signal });
  throw new CliError(`✗ It took longer than ${limitMs / 1000} seconds.`);
};

/** Rejects with the reason that the service gives, should it not start. */
const failure = (service: ServiceProcess) =>
  service.ready.then(() => service.gone).then(() => Promise.reject(new Error('The Worker has ended.')));
