import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { AppEnv } from './app-env.ts';

/**
 * The route that a request reaches, by its pattern: the first, as `/users/me` is also a `/users/:id`, and would have its
 * limits. HEAD is answered by GET. Undefined where there is none.
 */
export const matchedRoute = (
  c: Context<AppEnv>,
): { readonly method: string; readonly path: string } | undefined =>
  matchedRoutes(c).find(({ method }) => method !== 'ALL');
