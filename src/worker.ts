import { createApp, createRefusingApp } from './app.ts';
import { recordRefusedConfiguration } from './audit/sql/audit.ts';
import { type Bindings, createContainer, createFoundation, type Foundation } from './container.ts';
import { createFeatures } from './features.ts';
import { createJobs } from './jobs.ts';
import { type LoadedConfig, loadConfig } from './platform/config/load.ts';
import type { RequestContext } from './platform/context.ts';
import { createDatabase } from './platform/db/client.ts';
import { isLoopback } from './platform/rules/network.ts';
import { createRpc } from './rpc/routes/calls.ts';

/**
 * PostgreSQL on this machine speaks no HTTP: `npm run dev` starts the endpoint in front of it, and `wrangler dev` alone
 * does not. The programs read the same configuration without an endpoint, so this is no rule of theirs.
 */
const requireEndpoint = (loaded: LoadedConfig): LoadedConfig => {
  if (!loaded.ok) return loaded;
  const { database, environment } = loaded.config;
  if (database.endpoint !== null || !isLoopback(new URL(database.url.reveal()).hostname)) return loaded;
  const detail =
    'is unset, so the database on this machine cannot be reached: npm run dev starts and sets it';
  return {
    ok: false,
    problems: [{ variable: 'NEON_HTTP_ENDPOINT', detail }],
    warnings: loaded.warnings,
    strict: environment.strict,
    database: null,
  };
};

/** The app and the jobs of an isolate. A misconfigured Worker answers `/healthz` and refuses everything else. */
export const createWorker = (bindings: Bindings, facts: Partial<Foundation> = {}) => {
  const loaded = requireEndpoint(loadConfig(bindings));
  const foundation = { ...createFoundation(bindings, loaded.ok ? loaded.config : undefined), ...facts };
  const { log } = foundation;
  for (const warning of loaded.warnings) log.warn('configuration', warning);
  if (loaded.ok) {
    const container = createContainer(loaded.config, bindings, foundation);
    const features = createFeatures(container);
    const { app, routes } = createApp(container, features);
    const rpc = createRpc({
      foundation,
      timeoutMs: loaded.config.limits.requestTimeoutMs,
      introspection: features.introspection,
      credential: { ...loaded.config.jwt, cookieName: loaded.config.cookies.sessionName },
      fetch: (request, execution) => app.fetch(request, bindings, execution as ExecutionContext),
    });
    return { app, routes, rpc, jobs: createJobs(foundation, features) };
  }
  const { problems, strict, database } = loaded;
  for (const problem of problems) log.error('misconfigured', problem);
  const names = [...new Set(problems.map(({ variable }) => variable))].sort();
  const db = database && createDatabase(database);
  const recordRefusal =
    db && ((ctx: RequestContext) => recordRefusedConfiguration({ db, newId: foundation.newId }, ctx, names));
  return {
    app: createRefusingApp(foundation, { problems, strict, recordRefusal }),
    routes: [],
    rpc: null,
    jobs: createJobs(foundation, null),
  };
};
