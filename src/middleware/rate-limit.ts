import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { RateDecision, RateLimiter, RatePolicy } from '../domain/sliding-window.ts';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import type { Identify } from '../http/identify.ts';
import { matchedRoute } from '../http/matched-route.ts';
import type { RoutePolicy } from '../http/rate-policies.ts';

type Deps = {
  readonly limiter: RateLimiter;
  readonly policyOf: (route: string) => RoutePolicy | null;
  readonly identify: Identify;
};

const routeOf = (c: Context<AppEnv>): string => {
  const route = matchedRoute(c);
  return route ? `${route.method} ${route.path}` : '';
};

const setFields = (c: Context<AppEnv>, { name, max, windowMs }: RatePolicy, decision: RateDecision) => {
  c.header('RateLimit-Policy', `"${name}";q=${max};w=${Math.ceil(windowMs / 1000)}`);
  c.header('RateLimit', `"${name}";r=${decision.remaining};t=${decision.resetSeconds}`);
};

/**
 * A sliding window per user, or per network for who sends no good token (draft-ietf-httpapi-ratelimit-headers).
 * When the counts cannot be reached, requests pass: a limiter that is down must not be an outage.
 */
export const rateLimit = ({ limiter, policyOf, identify }: Deps) => {
  const keyOf = async (c: Context<AppEnv>, { per }: RoutePolicy): Promise<string> => {
    const presented = per === 'caller' ? await identify(c) : null;
    return presented?.kind === 'valid' ? `user|${presented.claims.userId}` : `network|${c.var.ctx.network}`;
  };

  return createMiddleware<AppEnv>(async function rateLimit(c, next) {
    const policy = policyOf(routeOf(c));
    if (!policy) return next();
    const { ctx } = c.var;
    const decision = await limiter.hit(policy, await keyOf(c, policy), ctx.now).catch((error: unknown) => {
      ctx.log.error('the rate limiter cannot be reached', {
        request_id: ctx.requestId,
        policy: policy.name,
        error,
      });
      return null;
    });
    c.set('limiterAnswered', decision !== null);
    if (decision) setFields(c, policy, decision);
    if (decision && !decision.admitted) {
      throw new AppError('rate_limited', {
        retryAfterSeconds: decision.retryAfterSeconds,
        violatedPolicies: [policy.name],
      });
    }
    return next();
  });
};
