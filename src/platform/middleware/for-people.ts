import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import type { Site } from '../pages/site.ts';

/** Marks the requests of which people read the answers, before anything can fail. */
export const forPeople = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeople(c, next) {
    c.set('site', site);
    await next();
  });

/** The same for what programs ask for too: a browser that opens a page says so, and whoever does not reads problems. */
export const forPeopleAndPrograms = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeopleAndPrograms(c, next) {
    if (/\btext\/html\b/i.test(c.req.header('Accept') ?? '')) c.set('site', site);
    await next();
  });
