import { runnerImport } from 'vite';
import { loadConfig } from '../../src/platform/config/load.ts';
import type { Route } from '../../src/platform/http/route.ts';
import { createOpenApi } from './openapi-document.ts';

/** Stands for every feature: describing a route calls no handler. */
const anything: unknown = new Proxy(() => anything, {
  get: (_, key) => (typeof key === 'symbol' ? undefined : anything),
  apply: () => anything,
});

/** `src/routes.ts` and `src/fork/fork.ts`, whose own types are those of the Worker. */
type Routes = {
  readonly createRoutes: (features: unknown, web: unknown, beside: unknown) => readonly Route[];
  readonly forkPath: string;
};
type ForkRoutes = { readonly createForkRoutes: (features: unknown, web: unknown) => readonly Route[] };

const load = async <Module>(path: string): Promise<Module> =>
  (await runnerImport<Module>(new URL(`../../src/${path}`, import.meta.url).pathname)).module;

/** Every route, and those of them that belong to a fork. Vite reads them, because Node does not read JSX. */
export const loadRoutes = async () => {
  const loaded = loadConfig({});
  if (!loaded.ok) throw new Error('the defaults of the configuration are wrong');
  const web = { config: loaded.config, identify: anything, site: anything };
  const [{ createRoutes, forkPath }, { createForkRoutes }] = await Promise.all([
    load<Routes>('routes.ts'),
    load<ForkRoutes>('fork/fork.ts'),
  ]);
  return {
    routes: createRoutes(anything, web, anything),
    forkRoutes: createForkRoutes(anything, web),
    forkPath,
  };
};

/** The OpenAPI 3.1 document of every route, as JSON. */
export const openApiDocument = async (): Promise<string> =>
  `${JSON.stringify(createOpenApi((await loadRoutes()).routes), null, 1)}\n`;
