import type { Hono } from 'hono';
import { TrieRouter } from 'hono/router/trie-router';
import { AppError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';

/**
 * What a request gets that no route matched: 405 where the path has other methods, else 404. The table is
 * made of the app's own routes, so it cannot fall behind them.
 */
export const createNoRoute = (app: Hono<AppEnv>): ((path: string) => AppError) => {
  const methodsByPath = new TrieRouter<string>();
  for (const { method, path } of app.routes) {
    if (method !== 'ALL') methodsByPath.add('ANY', path, method);
  }
  return (path) => {
    const [matches] = methodsByPath.match('ANY', path);
    const methods = new Set(matches.map(([method]) => method));
    if (methods.size === 0) return new AppError('not_found');
    if (methods.has('GET')) methods.add('HEAD');
    return new AppError('method_not_allowed', { allow: [...methods].sort() });
  };
};
