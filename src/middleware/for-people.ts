import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import type { Site } from '../pages/site.ts';

/** Marks the requests of which people read the answers, before anything can fail. */
export const forPeople = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeople(c, next) {
    c.set('site', site);
    await next();
  });
