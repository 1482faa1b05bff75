import { once } from 'node:events';
import { CliError, runProgram, stopRequest } from '../program/cli.ts';
import { tellLauncher } from './service-process.ts';
import { type LocalWarning, repeats } from './shown-warnings.ts';

/** Sent over the message channel, so that no value is seen in a process list or lies in a file. */
export type WorkerSettings = {
  readonly configPath: string;
  readonly hostname: string;
  readonly port: number;
  /** For the Durable Objects and buckets. */
  readonly stateDirectory: string;
  readonly logDirectory: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Whether Workers of this machine that wrangler runs find each other for service bindings; else it stays alone. */
  readonly isFoundByOthers?: boolean;
  /** Left out of the log, because the person has read them elsewhere. */
  readonly shownWarnings?: readonly LocalWarning[];
};

type WorkerLog = { readonly level: string; readonly message: string };

// The Worker under wrangler's own dev server: built, watched and reloaded as by `wrangler dev`.
runProgram(async () => {
  const stop = stopRequest();
  const [settings] = (await once(process, 'message')) as [WorkerSettings];
  quietWrangler(settings.logDirectory);
  const { unstable_startWorker: startWorker } = await import('wrangler');
  const { getDefaultDevRegistryPath } = await import('miniflare');
  const starting = startWorker({
    config: settings.configPath,
    bindings: Object.fromEntries(
      Object.entries(settings.variables).map(([name, value]) => [name, { type: 'secret_text', value }]),
    ),
    dev: {
      server: { hostname: settings.hostname, port: settings.port },
      persist: settings.stateDirectory,
      inspector: false,
      // That of `wrangler dev`.
      ...(settings.isFoundByOthers && {
        registry: process.env.WRANGLER_REGISTRY_PATH ?? getDefaultDevRegistryPath(),
      }),
      // Its own host: at that of a route of wrangler.toml, a local Worker would answer nobody.
      inferOriginFromRoutes: false,
      watch: true,
      structuredLogsHandler: ({ level, message }: WorkerLog) => {
        if (repeats(message, settings.shownWarnings ?? [])) return;
        const stream = level === 'error' || level === 'warn' ? process.stderr : process.stdout;
        stream.write(`${message}\n`);
      },
    },
  });
  const worker = await Promise.race([starting, stop]).catch((error: Error) => {
    // The first build failed; the innermost message names the place.
    throw new CliError(innermost(error).message);
  });
  // The work that wrangler has begun by then ends with this process's group.
  if (!worker) process.exit(0);
  // It listens a moment later.
  void worker.ready.then(() => tellLauncher({ kind: 'ready' }));
  await stop;
  await worker.dispose();
  process.exit(0);
});

/** Without network, and with nothing on the screen but the Worker's own lines and the errors. */
const quietWrangler = (logDirectory: string) => {
  Object.assign(process.env, {
    WRANGLER_LOG: 'error',
    WRANGLER_LOG_PATH: logDirectory,
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    // `request.cf` comes from a host of Cloudflare's; .env is not a file of this project.
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: 'false',
    // A store of every URL on this disk, with the tokens of links in it; it knows no redaction.
    X_LOCAL_OBSERVABILITY: 'false',
  });
};

const innermost = (error: Error): Error => (error.cause instanceof Error ? innermost(error.cause) : error);
