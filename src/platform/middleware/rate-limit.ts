import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import { AppError, type ErrorCode, findAppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import type { Identify } from '../http/identify.ts';
import { matchedRoute } from '../http/matched-route.ts';
import type { RoutePolicy } from '../http/rate-policies.ts';
import type { Caller, RateDecision, RateLimiter, RatePolicy } from '../rules/sliding-window.ts';

type Options = {
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

/** Failures of routes behind a login that occur only after the database has found the session live. */
const errorsOfLiveSessions: ReadonlySet<ErrorCode> = new Set([
  'conflict',
  'email_not_verified',
  'email_taken',
  'forbidden',
  'invalid_credentials',
  'login_locked',
  'not_found',
  'password_change_required',
  'precondition_failed',
  'range_not_satisfiable',
  'upload_not_clean',
  'upload_quota_exceeded',
  'username_taken',
]);

/**
 * Whether an answered request has shown that the session of its token is live. A valid signature is not enough: tokens
 * outlive their sessions, and a request with an invalid body ends before the database is asked.
 */
const provesSession = (c: Context<AppEnv>): boolean => {
  if (c.var.sessionLives !== undefined) return c.var.sessionLives;
  if (c.var.ctx.actor === null) return false;
  const error = findAppError(c.error);
  return error ? errorsOfLiveSessions.has(error.code) : c.res.status < 400;
};

/** Headers of an answer that a refusal replaces. */
const headersOfAnswers = ['Allow', 'Location', 'Set-Cookie', 'WWW-Authenticate'] as const;

const refuse = (c: Context<AppEnv>, policy: RatePolicy, decision: RateDecision | null): void => {
  if (!decision) return;
  setFields(c, policy, decision);
  if (decision.admitted) return;
  throw new AppError('rate_limited', {
    retryAfterSeconds: decision.retryAfterSeconds,
    violatedPolicies: [policy.name],
  });
};

/** Refuses a request that is answered already, if it was one too many: the headers of the answer go too. */
const replaceAnswer = (c: Context<AppEnv>, policy: RatePolicy, decision: RateDecision | null): void => {
  if (decision && !decision.admitted) for (const name of headersOfAnswers) c.res.headers.delete(name);
  refuse(c, policy, decision);
};

/**
 * Limits requests by a sliding window per person, or per network for a request without a live session: a token that has
 * outlived its session must not use up its owner's limit (draft-ietf-httpapi-ratelimit-headers). Requests pass when the
 * counts cannot be reached: a limiter that is down must not be an outage.
 */
export const rateLimit = ({ limiter, policyOf, identify }: Options) => {
  const callerOf = async (c: Context<AppEnv>, { per }: RoutePolicy): Promise<Caller> => {
    const presented = per === 'caller' ? await identify(c) : null;
    return {
      networks: c.var.ctx.networks,
      session: presented?.kind === 'valid' ? presented.claims : null,
    };
  };

  const hit = async (c: Context<AppEnv>, policy: RoutePolicy): Promise<RateDecision | null> => {
    const { ctx } = c.var;
    return limiter.hit(policy, await callerOf(c, policy), ctx.now).catch((error: unknown) => {
      ctx.log.error('the rate limiter cannot be reached', {
        request_id: ctx.requestId,
        policy: policy.name,
        error,
      });
      return null;
    });
  };

  /** Runs the request, and counts it if it was refused for what the client has sent. */
  const countRefusal = async (c: Context<AppEnv>, next: Next, policy: RoutePolicy): Promise<void> => {
    await next();
    const { status } = c.res;
    if (status >= 400 && status < 500) replaceAnswer(c, policy, await hit(c, policy));
  };

  /** Runs the rest of the request, and takes it off the person's count unless its session proves to be live. */
  const runInDoubt = async (
    c: Context<AppEnv>,
    next: Next,
    settle: (sessionLives: boolean) => Promise<RateDecision | null>,
  ): Promise<RateDecision | null> => {
    const { promise: lives, resolve } = Promise.withResolvers<boolean>();
    const { signal, defer } = c.var.ctx;
    signal.addEventListener('abort', () => resolve(false), { once: true });
    const settled = lives.then(settle);
    // Deferred before the outcome is known: a request that ends early could no longer defer it.
    defer('settle a counted request', settled);
    await next().finally(() => resolve(provesSession(c)));
    return settled.catch(() => null);
  };

  return createMiddleware<AppEnv>(async function rateLimit(c, next) {
    const policy = policyOf(routeOf(c));
    if (!policy) return next();
    if (policy.counts === 'refusals') return countRefusal(c, next, policy);
    const decision = await hit(c, policy);
    c.set('limiterAnswered', decision !== null);
    refuse(c, policy, decision);
    if (decision?.admitted && decision.answer) c.set('sessionAnswer', decision.answer);
    if (!decision?.admitted || !decision.settle) return next();
    const ofNetwork = await runInDoubt(c, next, decision.settle);
    if (!c.var.ctx.signal.aborted) replaceAnswer(c, policy, ofNetwork);
  });
};
