import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownOrigin } from '../src/platform/config/origins.ts';
import { readEnvironment } from '../src/platform/config/resolve.ts';
import { variables as defaults, namesOf } from '../src/platform/config/variables.ts';
import { withoutBrackets } from '../src/platform/rules/network.ts';
import { CliError, runProgram, stopRequest } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import {
  dataDirectory,
  isForeignHost,
  projectDirectory,
  readVariables,
  sayLocal,
  type Variables,
} from './program/project.ts';
import { npmGone } from './program/running.ts';
import { algorithmOf, algorithmOption, refuseSwallowed } from './secrets/algorithm.ts';
import { banner } from './stack/banner.ts';
import { makeDataDirectory, refuseHeldData } from './stack/data-lock.ts';
import { localPostgresUrl, planDatabase } from './stack/database-plan.ts';
import { embeddedDirectory, resetLocalDatabase } from './stack/local-database.ts';
import { type LocalKeys, withLocalKeys } from './stack/local-keys.ts';
import { localWarnings } from './stack/local-warnings.ts';
import type { WorkerSettings } from './stack/serve-worker.ts';
import { type ServiceOptions, startServiceProcess } from './stack/service-process.ts';
import { type LocalWarning, sentence } from './stack/shown-warnings.ts';
import { readWorkerState, runCron, waitForWorker } from './stack/worker-state.ts';

const usage = `npm run dev [-- --reset] [-- --algorithm ES256]
  Starts the database, its endpoint, the migrations and the Worker. Ctrl-C stops all of it; the data stay.
  --reset      empties the embedded database first
  --algorithm  signs access tokens under ES256, EdDSA or RS256, with a key that is made once and kept with the data, so
               that other services can verify them; tokens of before stay good. HS256, the default, goes back
Variables come from .dev.vars, and from this process over them. LOCAL_POSTGRES_URL takes a real PostgreSQL in place of
the embedded one, DATA_DIR another folder than .data, BACKEND_PORT another port than 3002.`;

const options = {
  reset: { type: 'boolean', default: false },
  algorithm: { type: 'string' },
} as const;

type DevSettings = ReturnType<typeof readSettings>;

runProgram(async () => {
  const startedAt = performance.now();
  const stop = stopRequest();
  const settings = readSettings();
  await refuseTakenPort(settings.host, settings.port);
  await makeDataDirectory(settings.dataDirectory);
  if (isEmbedded(settings.plan)) await refuseHeldData(settings.dataDirectory);
  const keys = await withLocalKeys(settings.variables, settings.dataDirectory, settings.algorithm);
  const warnings = [...(await localWarnings(keys.variables)), ...shellWarnings(settings.given)];
  if (settings.reset) await resetLocalDatabase(settings.dataDirectory);

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
  const worker = start(workerOptions({ ...settings, variables: keys.variables }, endpointPort, warnings));
  const workerGone = worker.gone.then(() => {
    throw new CliError('The Worker process has ended.');
  });

  // Deferred last, so that it runs first: a service that this program stops is not reported as gone.
  services.defer(() => ending.abort());

  const { host, port } = settings;
  const url = ownOrigin({ HOST: isIPv6(host) ? `[${host}]` : host, BACKEND_PORT: port });
  const shown = (async () => {
    await Promise.all([endpoint?.ready, waitForWorker(url, ending.signal)]);
    if (ending.signal.aborted) return;
    void endpoint?.gone.then(() => ending.signal.aborted || tellEndpointGone(settings, endpointPort));
    const { complaints } = await showBanner(settings, keys, url, startedAt, warnings);
    if (complaints.length === 0) void runCron(url, ending.signal);
  })();
  const lost = isEmbedded(settings.plan) ? [dataGone(settings, shown, ending.signal)] : [];
  const ended = Promise.race([stop, npmGone(), workerGone, ...lost]);
  await Promise.race([ended, shown.then(() => ended)]);
});

/** The name of a strict environment, and the variable that has it; null in a lenient one. */
const strictBy = (variables: Variables): string | null => {
  const { name, strict } = readEnvironment(variables);
  if (!strict) return null;
  const by = namesOf('BACKEND_ENV').find((variable) => variables[variable]?.trim().toLowerCase() === name);
  return `${name} (${by})`;
};

/** What shells, and the tools in them, set for other programs. */
const shellWarnings = (variables: Variables): LocalWarning[] => {
  const { HOST, NODE_ENV } = process.env;
  const foreignHost = {
    variable: `HOST=${HOST}`,
    detail: 'of this shell is a name, and not used; set an address, or set the name in .dev.vars',
  };
  const production = {
    variable: `NODE_ENV=${NODE_ENV}`,
    detail: 'of this shell makes the environment strict: unset NODE_ENV to work locally',
  };
  return [
    ...(isForeignHost(HOST) ? [foreignHost] : []),
    ...(NODE_ENV && strictBy({ ...variables, NODE_ENV: '' }) === null && strictBy(variables) !== null
      ? [production]
      : []),
  ];
};

const isEmbedded = (plan: ReturnType<typeof planDatabase>): boolean =>
  plan.kind === 'local' && plan.postgresUrl === null;

/** @throws CliError about the first fault of the command line or the environment */
const readSettings = () => {
  if (process.env.npm_config_reset)
    throw new CliError('npm keeps that --reset to itself: npm run dev -- --reset');
  refuseSwallowed('dev');
  const { reset, algorithm } = readOptions(options, usage);
  const given = readVariables();
  // JSON is for machines, and a person reads these logs.
  const variables = sayLocal({ ...given, LOG_PRETTY: given.LOG_PRETTY || '1' });
  const plan = planDatabase(variables, localPostgresUrl());
  if (reset && !isEmbedded(plan)) {
    throw new CliError('--reset deletes the embedded database, but this environment uses another one.');
  }
  const port = Number(variables.BACKEND_PORT || 3002);
  if (!(Number.isInteger(port) && port > 0 && port < 65536))
    throw new CliError('BACKEND_PORT must be a whole number from 1 to 65535.');
  return {
    reset,
    algorithm: algorithmOption(algorithm),
    host: withoutBrackets(variables.HOST || defaults.HOST.default),
    port,
    dataDirectory: dataDirectory(),
    /** As they were set; `variables` also has what this program adds. */
    given,
    variables,
    plan,
  };
};

/** @throws CliError when this process cannot listen there now */
const refuseTakenPort = async (host: string, port: number): Promise<void> => {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} is taken: stop the program that uses it, or choose another with BACKEND_PORT.`,
    EACCES: `Port ${port} needs privileges: choose one above 1023 with BACKEND_PORT.`,
    EBLOCKED: `Browsers open no page at port ${port}: choose another with BACKEND_PORT.`,
  };
  try {
    const found = await lookup(host, { all: true });
    const addresses = new Set(found.map(({ address }) => address));
    // Each of them: another program may have the port at ::1 alone, and browsers try that first for localhost.
    for (const address of addresses) {
      await listenOnce(address, port).catch((error: NodeJS.ErrnoException) => {
        // Many machines name ::1 in their list of hosts and have IPv6 switched off.
        if (error.code !== 'EADDRNOTAVAIL' || addresses.size === 1) throw error;
      });
    }
    await refuseBlockedPort(port);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new CliError(reasons[code] ?? `HOST ${host}, port ${port}, cannot be used: ${message}`);
  }
};

/** fetch and browsers open no connection to the ports of some other protocols (Fetch standard, "port blocking"). */
const refuseBlockedPort = (port: number): Promise<void> =>
  fetch(`http://127.0.0.1:${port}`, { method: 'HEAD', signal: AbortSignal.timeout(1000) }).then(
    () => {},
    ({ cause }: Error) => {
      if (cause instanceof Error && cause.message === 'bad port')
        throw Object.assign(new Error('it is blocked'), { code: 'EBLOCKED' });
    },
  );

const listenOnce = (address: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, address, () => probe.close(() => resolve()));
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

const workerOptions = (
  settings: DevSettings,
  endpointPort: number | undefined,
  warnings: readonly LocalWarning[],
): ServiceOptions => ({
  name: 'Worker',
  program: new URL('./stack/serve-worker.ts', import.meta.url),
  settings: {
    configPath: join(projectDirectory, 'wrangler.toml'),
    hostname: settings.host,
    port: settings.port,
    stateDirectory: join(settings.dataDirectory, 'worker'),
    logDirectory: join(settings.dataDirectory, 'logs'),
    isFoundByOthers: true,
    shownWarnings: warnings,
    variables: {
      ...settings.variables,
      ...(endpointPort === undefined ? {} : { NEON_HTTP_ENDPOINT: `http://127.0.0.1:${endpointPort}/sql` }),
    },
  } satisfies WorkerSettings,
});

/** A path as a person at this terminal would write it. */
const shorter = (path: string): string => {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
};

const showBanner = async (
  { plan, dataDirectory, given }: DevSettings,
  keys: LocalKeys,
  url: string,
  startedAt: number,
  warnings: readonly LocalWarning[],
) => {
  const state = await readWorkerState(url);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    banner({
      url,
      plan,
      embeddedDirectory: shorter(embeddedDirectory(dataDirectory)),
      algorithm: algorithmOf(keys.variables),
      keyPath: keys.path && shorter(keys.path),
      seconds,
      state,
      strictBy: strictBy(given),
      warnings: warnings.map(sentence),
    }),
  );
  return state;
};

const lookEveryMs = 500;

/**
 * Rejects when the embedded database is deleted while it runs: the files that are still open would answer for a
 * while, and keep nothing.
 */
const dataGone = async (
  { dataDirectory }: DevSettings,
  shown: Promise<void>,
  signal: AbortSignal,
): Promise<never> => {
  await shown;
  const version = join(embeddedDirectory(dataDirectory), 'PG_VERSION');
  while (!signal.aborted) {
    if (!existsSync(version))
      throw new CliError(
        `The data in ${dataDirectory} have been deleted, so all of it ends: npm run dev starts anew.`,
      );
    await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
  }
  return new Promise<never>(() => {});
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
