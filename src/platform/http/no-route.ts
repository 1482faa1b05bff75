import { TrieRouter } from 'hono/router/trie-router';
import { AppError } from '../errors.ts';
import type { Route } from './route.ts';

/**
 * The error for a request that no route matched: 405 where the path has other methods, else 404. Hono's own middleware
 * acts on a 404 that is no error, and here every failure is one.
 */
export const createNoRoute = (routes: readonly Pick<Route, 'method' | 'path'>[]) => {
  const methodsByPath = new TrieRouter<string>();
  for (const { method, path } of routes) methodsByPath.add('ANY', path, method);
  return (path: string): AppError => {
    const [matches] = methodsByPath.match('ANY', path);
    const methods = new Set(matches.map(([method]) => method));
    if (methods.size === 0) return new AppError('not_found');
    if (methods.has('GET')) methods.add('HEAD');
    return new AppError('method_not_allowed', { allow: [...methods].sort() });
  };
};
