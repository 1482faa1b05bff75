import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { AppEnv } from './app-env.ts';

/** The route that a request reaches, by its pattern; HEAD is answered by GET. Undefined where there is none. */
export const matchedRoute = (
  c: Context<AppEnv>,
): { readonly method: string; readonly path: string } | undefined =>
  matchedRoutes(c).findLast(({ method }) => method !== 'ALL');
