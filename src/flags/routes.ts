import { Hono } from 'hono';
import type { Flags } from '../platform/config/feature-flags.ts';
import type { AppEnv } from '../platform/http/app-env.ts';

/** The feature flags, under `/flags`. */
export const flagRoutes = (flags: Flags) =>
  new Hono<AppEnv>().get('/', (c) => {
    c.header('Cache-Control', 'public, max-age=60');
    return c.json(flags);
  });
