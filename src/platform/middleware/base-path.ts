import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';

/** Makes the paths of answers those that clients see: routes are written, and name each other, without the base path. */
export const underBasePath = (basePath: string) =>
  createMiddleware<AppEnv>(async function underBasePath(c, next) {
    c.set('basePath', basePath);
    await next();
    if (basePath === '') return;
    const location = c.res.headers.get('Location');
    if (location?.startsWith('/')) c.res.headers.set('Location', `${basePath}${location}`);
  });
