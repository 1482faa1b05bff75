import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import type { Site } from '../pages/site.ts';

/** Marks the requests of which people read the answers, before anything can fail. */
export const forPeople = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeople(c, next) {
    c.set('site', site);
    await next();
  });

/** The same for what programs ask for too: who names JSON, and no HTML, reads a problem document. */
export const forPeopleAndPrograms = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeopleAndPrograms(c, next) {
    const accept = c.req.header('Accept') ?? '';
    if (!/\bjson\b/i.test(accept) || /\btext\/html\b/i.test(accept)) c.set('site', site);
    await next();
  });
