import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { withFacts } from '../context.ts';
import type { AppEnv } from '../http/app-env.ts';
import { actorOf, type Identify } from '../http/identify.ts';
import type { Permission } from '../rules/permissions.ts';

/** Lets only a good access token through. Whether its session still lives, the route's own statement decides. */
export const authenticate = (identify: Identify) =>
  createMiddleware<AppEnv>(async function authenticate(c, next) {
    c.set('ctx', withFacts(c.var.ctx, { actor: actorOf(await identify(c)) }));
    await next();
  });

export type RequirePermission = (permission: Permission) => MiddlewareHandler<AppEnv>;

/**
 * Names what the actor must be allowed. The route's own statement checks it against the roles that the database has
 * at that moment, never against the token: so a demotion counts on the next request.
 */
export const createRequirePermission =
  (identify: Identify): RequirePermission =>
  (permission) =>
    createMiddleware<AppEnv>(async function requirePermission(c, next) {
      const actor = actorOf(await identify(c));
      c.set('ctx', withFacts(c.var.ctx, { actor, requiredPermission: permission }));
      await next();
    });
