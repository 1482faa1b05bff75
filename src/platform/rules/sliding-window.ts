import type { Networks } from './network.ts';

export type RatePolicy = {
  /** The name in the RateLimit fields; each name has its own counts. */
  readonly name: string;
  /** At least 1. */
  readonly max: number;
  readonly windowMs: number;
};

/** `resetSeconds`: until the oldest counted hit leaves the window and one more is admitted. */
export type RateDecision =
  | {
      readonly admitted: true;
      readonly remaining: number;
      readonly resetSeconds: number;
      /**
       * For a request with a session: call it once the database has decided whether the session lives. If not, the hit
       * counts for the network instead of the person. @returns the network's decision; null where nothing changes
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

/** The owner of a hit: the person of a session that may be live, otherwise the networks. */
export type Caller = {
  readonly networks: Networks;
  readonly session: { readonly userId: string; readonly sessionId: string } | null;
};

/** An owner with a name of its own, such as a mailbox. The name must not end like a network. */
export const named = (name: string): Caller => ({ networks: [name], session: null });

/** The port of the rate limiter; it rejects when the counts cannot be reached. */
export type RateLimiter = {
  /** @param now when the request came in */
  readonly hit: (policy: RatePolicy, caller: Caller, now: Date) => Promise<RateDecision>;
};

export type Hit = { readonly admitted: boolean; readonly remaining: number; readonly resetMs: number };

/**
 * The times that count at `nowMs`: a hit at t counts in [t, t + windowMs). A time after `nowMs` means that the clock went
 * back. Moving it to `nowMs` makes it count for exactly one window from now on.
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
  // Only the newest `max` hits matter; the log holds more after a deployment has lowered `max`.
  const log = stillCounting(admittedAtMs, nowMs, windowMs).slice(-max);
  const admitted = log.length < max;
  if (admitted) log.push(nowMs);

  const [oldestMs = nowMs] = log;
  return { log, hit: { admitted, remaining: max - log.length, resetMs: oldestMs + windowMs - nowMs } };
};

/** One of the counts of a hit. */
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
