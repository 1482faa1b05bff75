import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { widestOf } from '../../platform/rules/network.ts';
import { named, type RateLimiter, type RatePolicy } from '../../platform/rules/sliding-window.ts';

type Deps = { readonly limiter: RateLimiter; readonly policy: RatePolicy };

/**
 * How often a password may be asked for behind a session: the login guard counts failures alone, and each success costs a
 * hash or two as well. Counted per account and network, so that a thief elsewhere cannot use up what the owner has.
 * When the counts cannot be reached, attempts pass, as everywhere (the guard's own count is the one that fails closed).
 */
export const createAttemptBudget =
  ({ limiter, policy }: Deps) =>
  async (ctx: RequestContext, userId: string): Promise<void> => {
    const key = named(`${widestOf(ctx.networks)}|${userId}`);
    const decision = await limiter.hit(policy, key, ctx.now).catch((error: unknown) => {
      const fields = { request_id: ctx.requestId, policy: policy.name, error };
      ctx.log.error('the rate limiter cannot be reached', fields);
      return null;
    });
    if (decision === null || decision.admitted) return;
    throw new AppError('rate_limited', {
      retryAfterSeconds: decision.retryAfterSeconds,
      violatedPolicies: [policy.name],
    });
  };
