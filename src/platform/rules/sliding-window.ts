import type { Networks } from './network.ts';

export type RatePolicy = {
  /** Names the policy in the RateLimit fields and keeps its counts apart from other policies'. */
  readonly name: string;
  /** At least 1. */
  readonly max: number;
  readonly windowMs: number;
};

/** `resetSeconds` runs until the oldest counted hit leaves the window and one more is admitted. */
export type RateDecision =
  | {
      readonly admitted: true;
      readonly remaining: number;
      readonly resetSeconds: number;
      /**
       * For a request that named a session: tells whether it turned out to live. One that did not counts for the network
       * and not for the person. @returns what the network's count decides then; null where nothing changes
       */
      readonly settle?: (sessionLives: boolean) => Promise<RateDecision | null>;
    }
  | {
      readonly admitted: false;
      readonly remaining: 0;
      readonly resetSeconds: number;
      /** For Retry-After; at least 1. */
      readonly retryAfterSeconds: number;
    };

/** Whom a request counts for: the person of a session, if it names one that may live, or else its networks. */
export type Caller = {
  readonly networks: Networks;
  readonly session: { readonly userId: string; readonly sessionId: string } | null;
};

/** Whatever else is counted by one name, a mailbox for example. A name must not end like a network. */
export const named = (name: string): Caller => ({ networks: [name], session: null });

/** The port behind which the counts are kept; rejects when they cannot be reached. */
export type RateLimiter = {
  /** @param now when the request came in */
  readonly hit: (policy: RatePolicy, caller: Caller, now: Date) => Promise<RateDecision>;
};

export type Hit = { readonly admitted: boolean; readonly remaining: number; readonly resetMs: number };

/**
 * The times that count at `nowMs`: one at t counts in [t, t + windowMs). A time after `nowMs` means
 * that the clock went back; it is moved to `nowMs`, so it counts no shorter than it should and, once
 * the result is kept, no longer than one window.
 */
export const stillCounting = (timesMs: readonly number[], nowMs: number, windowMs: number): number[] =>
  timesMs.map((timeMs) => Math.min(timeMs, nowMs)).filter((timeMs) => timeMs + windowMs > nowMs);

/**
 * Sliding window log: exact, so no window of `windowMs` ever holds more than `max` admitted hits.
 * Refused hits leave no trace. Keep the returned log even after a refusal.
 */
export const countHit = (
  admittedAtMs: readonly number[],
  nowMs: number,
  { max, windowMs }: Pick<RatePolicy, 'max' | 'windowMs'>,
): { log: number[]; hit: Hit } => {
  // The newest `max` decide alone; there are more only where `max` was lowered by a deployment.
  const log = stillCounting(admittedAtMs, nowMs, windowMs).slice(-max);
  const admitted = log.length < max;
  if (admitted) log.push(nowMs);

  const [oldestMs = nowMs] = log;
  return { log, hit: { admitted, remaining: max - log.length, resetMs: oldestMs + windowMs - nowMs } };
};

/** One of the counts that a hit is for, by its name. */
export type Bucket = { readonly name: string; readonly max: number };
export type BucketHit = Hit & { readonly name: string };

/** Counts a hit in every bucket, or in none. Keep the returned logs even after a refusal. */
export const countInAll = (
  logs: ReadonlyMap<string, readonly number[]>,
  buckets: readonly Bucket[],
  nowMs: number,
  windowMs: number,
): { logs: Map<string, readonly number[]>; hits: BucketHit[] } => {
  const counted = buckets.map(({ name, max }) => ({
    name,
    ...countHit(logs.get(name) ?? [], nowMs, { max, windowMs }),
  }));
  const isAdmitted = counted.every(({ hit }) => hit.admitted);
  const next = new Map(logs);
  for (const { name, log, hit } of counted) {
    const kept = hit.admitted && !isAdmitted ? log.slice(0, -1) : log;
    if (kept.length === 0) next.delete(name);
    else next.set(name, kept);
  }
  return { logs: next, hits: counted.map(({ name, hit }) => ({ name, ...hit })) };
};
