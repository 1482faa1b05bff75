import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import { actorOf, type Identify } from '../http/identify.ts';

/** Lets only a good access token through. Whether its session still lives, the route's own statement decides. */
export const authenticate = (identify: Identify) =>
  createMiddleware<AppEnv>(async function authenticate(c, next) {
    c.set('ctx', { ...c.var.ctx, actor: actorOf(await identify(c)) });
    await next();
  });
