import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import { TrieRouter } from 'hono/router/trie-router';
import { AppError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';

/**
 * The pattern of the route that a request reaches; undefined where no route matches. It is the first match, because
 * `/users/me` also matches `/users/:id`. GET answers HEAD.
 */
export const matchedRoute = (
  c: Context<AppEnv>,
): { readonly method: string; readonly path: string } | undefined =>
  matchedRoutes(c).find(({ method }) => method !== 'ALL');

const noSuchPath =
  'There is nothing at this address. Check it for typing mistakes; the documentation lists every path.';

/** The paths that have a route with any method. */
export const createPaths = (routes: readonly { readonly method: string; readonly path: string }[]) => {
  const methodsByPath = new TrieRouter<string>();
  for (const { method, path } of routes) methodsByPath.add('ANY', path, method);
  const methodsOf = (path: string) => new Set(methodsByPath.match('ANY', path)[0].map(([method]) => method));
  return {
    isRoute: (path: string): boolean => methodsOf(path).size > 0,
    /** The error for a request without a route: 405 where the path has other methods, otherwise 404. */
    noRoute: (path: string): AppError => {
      const methods = methodsOf(path);
      if (methods.size === 0) return new AppError('not_found', { detail: noSuchPath });
      if (methods.has('GET')) methods.add('HEAD');
      return new AppError('method_not_allowed', { allow: [...methods].sort() });
    },
  };
};
