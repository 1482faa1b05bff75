import { runnerImport } from 'vite';
import { loadConfig } from '../../src/platform/config/load.ts';
import type { Route } from '../../src/platform/http/route.ts';
import { createOpenApi } from './openapi-document.ts';

/** Stands for every feature: describing a route calls no handler. */
const anything: unknown = new Proxy(() => anything, {
  get: (_, key) => (typeof key === 'symbol' ? undefined : anything),
  apply: () => anything,
});

/** `src/routes.ts`, whose own types are those of the Worker. */
type Routes = {
  readonly createRoutes: (features: unknown, web: unknown, beside: unknown) => readonly Route[];
};

/** The OpenAPI 3.1 document of every route, as JSON. Vite reads the routes, because Node does not read JSX. */
export const openApiDocument = async (): Promise<string> => {
  const loaded = loadConfig({});
  if (!loaded.ok) throw new Error('the defaults of the configuration are wrong');
  const { module } = await runnerImport<Routes>(new URL('../../src/routes.ts', import.meta.url).pathname);
  const web = { config: loaded.config, identify: anything, site: anything };
  const routes = module.createRoutes(anything, web, anything);
  return `${JSON.stringify(createOpenApi(routes), null, 1)}\n`;
};
