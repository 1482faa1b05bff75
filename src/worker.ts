import { createApp, createRefusingApp } from './app.ts';
import { recordRefusedConfiguration } from './audit/sql/audit.ts';
import { type Bindings, createContainer, createFoundation, type Foundation } from './container.ts';
import { createFeatures } from './features.ts';
import { createJobs } from './jobs.ts';
import { loadConfig } from './platform/config/load.ts';
import type { RequestContext } from './platform/context.ts';
import { createDatabase } from './platform/db/client.ts';

/** The app and the jobs of an isolate. A misconfigured Worker answers `/healthz` and refuses everything else. */
export const createWorker = (bindings: Bindings, facts: Partial<Foundation> = {}) => {
  const loaded = loadConfig(bindings);
  const foundation = { ...createFoundation(bindings, loaded.ok ? loaded.config : undefined), ...facts };
  const { log } = foundation;
  for (const warning of loaded.warnings) log.warn('configuration', warning);
  if (loaded.ok) {
    const container = createContainer(loaded.config, bindings, foundation);
    const features = createFeatures(container);
    return { ...createApp(container, features), jobs: createJobs(foundation, features) };
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
    jobs: createJobs(foundation, null),
  };
};
