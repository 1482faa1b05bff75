import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { variables as configVariables } from '../../src/config/variables.ts';
import { findFreePort } from '../stack/ports.ts';
import { projectDirectory } from '../stack/project.ts';
import type { WorkerSettings } from '../stack/serve-worker.ts';
import { type ServiceProcess, startServiceProcess } from '../stack/service-process.ts';
import { stopRequest } from '../stack/stop-request.ts';
import { waitForWorker } from '../stack/worker-state.ts';

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
};

/** Limits that refuse nothing, over windows in which as little is remembered as in a service under its limits. */
export const withoutLimits = {
  LOG_LEVEL: 'error',
  RATE_LIMIT_MAX: '1000000',
  RATE_LIMIT_WINDOW_MS: '1000',
  LOGIN_BRUTE_MAX_ATTEMPTS: '1000000',
  LOGIN_BRUTE_WINDOW_MS: '1000',
} as const;

/** An empty variable counts as unset: a .dev.vars of whoever runs this changes nothing. */
const unset = Object.fromEntries(Object.keys(configVariables).map((name) => [name, '']));

/** Runs `measure` beside a database of its own in a fresh directory, and leaves nothing, Ctrl-C or not. */
export const withStack = async (measure: (stack: BenchStack) => Promise<void>): Promise<void> => {
  const stop = stopRequest();
  const ending = new AbortController();
  await using cleanup = new AsyncDisposableStack();
  const dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-bench-'));
  cleanup.defer(() => rm(dataDirectory, { recursive: true, force: true }));
  const start = (options: Parameters<typeof startServiceProcess>[0]) => {
    const service = startServiceProcess(options);
    cleanup.defer(service.stop);
    return service;
  };
  cleanup.defer(() => ending.abort());

  const database = start({
    name: 'database',
    program: new URL('../stack/serve-endpoint.ts', import.meta.url),
    env: { ...process.env, DATA_DIR: dataDirectory, LOCAL_POSTGRES_URL: '' },
  });
  const measuring = database.ready.then(async () => {
    const endpointUrl = `http://127.0.0.1:${await database.listening}/sql`;
    const startWorker = async (
      variables: Readonly<Record<string, string>>,
      configPath = join(projectDirectory, 'wrangler.toml'),
    ): Promise<BenchWorker> => {
      const port = await findFreePort();
      const process = start({
        name: 'Worker',
        program: new URL('../stack/serve-worker.ts', import.meta.url),
        settings: {
          configPath,
          hostname: '127.0.0.1',
          port,
          stateDirectory: join(dataDirectory, `worker-${port}`),
          logDirectory: join(dataDirectory, 'logs'),
          variables: { ...unset, NEON_HTTP_ENDPOINT: endpointUrl, ...variables },
        } satisfies WorkerSettings,
      });
      const url = `http://127.0.0.1:${port}`;
      await Promise.race([waitForWorker(url, ending.signal), failure(process)]);
      return { url, process };
    };
    await measure({ dataDirectory, endpointUrl, startWorker });
  });
  await Promise.race([measuring, stop]);
};

/** Rejects with what the service says of itself, should it not start. */
const failure = (service: ServiceProcess) =>
  service.ready.then(() => service.gone).then(() => Promise.reject(new Error('The Worker has ended.')));
