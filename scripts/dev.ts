import { join, relative } from 'node:path';
import { banner } from './stack/banner.ts';
import { CliError, runProgram } from './stack/cli-error.ts';
import { runCron } from './stack/cron.ts';
import { type DevSettings, readDevSettings } from './stack/dev-settings.ts';
import { embeddedDirectory } from './stack/local-database.ts';
import { refuseTakenPort } from './stack/ports.ts';
import { projectDirectory } from './stack/project.ts';
import { resetEmbeddedDatabase } from './stack/reset.ts';
import type { WorkerSettings } from './stack/serve-worker.ts';
import { type ServiceOptions, startServiceProcess } from './stack/service-process.ts';
import { stopRequest } from './stack/stop-request.ts';
import { readWorkerState, waitForWorker } from './stack/worker-state.ts';

// npm run dev [-- --reset]: database, endpoint, migrations, Worker. Ctrl-C stops all of it.
runProgram(async () => {
  const startedAt = performance.now();
  const stop = stopRequest();
  const settings = readDevSettings(process.argv.slice(2));
  await refuseTakenPort(settings.host, settings.port);
  if (settings.reset) await resetEmbeddedDatabase(settings.dataDirectory);

  const ending = new AbortController();
  await using services = new AsyncDisposableStack();
  const start = (options: ServiceOptions) => {
    const service = startServiceProcess(options);
    services.defer(service.stop);
    return service;
  };

  const database = databaseOptions(settings);
  const endpoint = database && start(database);
  const endpointPort = await endpoint?.listening;
  const worker = start(workerOptions(settings, endpointPort));
  const workerGone = worker.gone.then(() => {
    throw new CliError('The Worker process has ended.');
  });

  // Deferred last, so that it runs first: what ends because we end it is no news.
  services.defer(() => ending.abort());

  const url = `http://${settings.host}:${settings.port}`;
  const shown = (async () => {
    await Promise.all([endpoint?.ready, waitForWorker(url, ending.signal)]);
    if (ending.signal.aborted) return;
    void endpoint?.gone.then(() => ending.signal.aborted || tellEndpointGone(settings, endpointPort));
    const { complaints } = await showBanner(settings, url, startedAt);
    if (complaints.length === 0) void runCron(url, ending.signal);
  })();
  await Promise.race([stop, workerGone, shown.then(() => Promise.race([stop, workerGone]))]);
});

const databaseOptions = ({ plan, dataDirectory }: DevSettings): ServiceOptions | undefined => {
  if (plan.kind !== 'local' && plan.kind !== 'loopback') return undefined;
  const postgresUrl = plan.kind === 'local' ? plan.postgresUrl : plan.url;
  return {
    name: 'database',
    program: new URL('./stack/serve-endpoint.ts', import.meta.url),
    args: plan.kind === 'loopback' ? ['--leave-as-is'] : [],
    env: { ...process.env, DATA_DIR: dataDirectory, LOCAL_POSTGRES_URL: postgresUrl ?? '' },
  };
};

const workerOptions = (settings: DevSettings, endpointPort: number | undefined): ServiceOptions => ({
  name: 'Worker',
  program: new URL('./stack/serve-worker.ts', import.meta.url),
  settings: {
    configPath: join(projectDirectory, 'wrangler.toml'),
    hostname: settings.host,
    port: settings.port,
    stateDirectory: join(settings.dataDirectory, 'worker'),
    logDirectory: join(settings.dataDirectory, 'logs'),
    variables: {
      ...settings.variables,
      ...(endpointPort === undefined ? {} : { NEON_HTTP_ENDPOINT: `http://127.0.0.1:${endpointPort}/sql` }),
    },
  } satisfies WorkerSettings,
});

const showBanner = async ({ plan, dataDirectory }: DevSettings, url: string, startedAt: number) => {
  const state = await readWorkerState(url);
  const seconds = (performance.now() - startedAt) / 1000;
  const directory = relative(process.cwd(), embeddedDirectory(dataDirectory));
  const shorter = directory.startsWith('..') ? embeddedDirectory(dataDirectory) : directory;
  console.log(banner({ url, plan, embeddedDirectory: shorter, seconds, state }));
  return state;
};

/** The Worker answers 503 meanwhile, and finds the endpoint again when it is back. */
const tellEndpointGone = ({ dataDirectory }: DevSettings, port: number | undefined) => {
  // Without these it would come back with another database.
  const given = [
    process.env.DATA_DIR && `DATA_DIR='${dataDirectory}'`,
    process.env.LOCAL_POSTGRES_URL && 'LOCAL_POSTGRES_URL=…',
  ];
  const command = [...given, `npx node scripts/stack/serve-endpoint.ts --port ${port}`]
    .filter(Boolean)
    .join(' ');
  console.error(`The database has ended. To bring it back: ${command}`);
};
