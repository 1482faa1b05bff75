import type { RateDecision, RateLimiter } from '../domain/sliding-window.ts';
import type { RateLimiter as RateLimiterObject } from '../durable-objects/rate-limiter.ts';
import type { ObserveCall } from './telemetry/instruments.ts';

const rememberedKeys = 10_000;

const refusal = (resetMs: number): RateDecision => {
  const seconds = Math.ceil(resetMs / 1000);
  return { admitted: false, remaining: 0, resetSeconds: seconds, retryAfterSeconds: seconds };
};

/**
 * Counts in Durable Objects, and remembers per isolate which keys are blocked, so that a flood is
 * refused without a call. Keys name objects: addresses and user ids, never what a client made up.
 */
export const createRateLimiter = (
  namespace: DurableObjectNamespace<RateLimiterObject>,
  called: ObserveCall = (_object, _method, call) => call(),
): RateLimiter => {
  const blockedUntilMs = new Map<string, number>();

  const remember = (name: string, untilMs: number): void => {
    // A Map keeps the order of insertion, so its first key is the oldest.
    const oldest = blockedUntilMs.keys().next().value;
    if (blockedUntilMs.size >= rememberedKeys && oldest !== undefined) blockedUntilMs.delete(oldest);
    blockedUntilMs.set(name, untilMs);
  };

  return {
    hit: async ({ name: policyName, max, windowMs }, key, now) => {
      const name = `${policyName}|${key}`;
      const nowMs = now.getTime();
      const untilMs = blockedUntilMs.get(name) ?? 0;
      if (untilMs > nowMs) return refusal(untilMs - nowMs);
      blockedUntilMs.delete(name);

      const { admitted, remaining, resetMs } = await called('RateLimiter', 'hit', () =>
        namespace.getByName(name).hit({ max, windowMs }),
      );
      if (admitted) return { admitted, remaining, resetSeconds: Math.ceil(resetMs / 1000) };
      // Counted from the request's arrival, not the reply's: the memory forgets a little early, never late.
      remember(name, nowMs + resetMs);
      return refusal(resetMs);
    },
  };
};
