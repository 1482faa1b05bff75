import type { Networks } from './network.ts';
import type { SessionAnswer } from './session-answer.ts';

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
      /** For a request with a session that is not in doubt. */
      readonly answer?: SessionAnswer;
      /**
       * For a request with a session that is not known to be live: call it once the database has decided. If the session
       * is dead, the hit counts for the network instead of the person. @returns the network's decision; null where
       * nothing changes
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

/** One of the counts of a hit. */
export type Bucket = { readonly name: string; readonly max: number };
export type BucketHit = Hit & { readonly name: string };

/**
 * Sliding window log: exact, so no window of `windowMs` ever holds more than `max` admitted hits. A hit costs the same
 * however many count.
 */
export class WindowLog {
  /** Oldest first; those before `#first` no longer count. */
  #timesMs: number[];
  #first = 0;

  constructor(timesMs: readonly number[] = []) {
    this.#timesMs = [...timesMs];
  }

  /** The times that may still count, oldest first. */
  get timesMs(): readonly number[] {
    return this.#timesMs.slice(this.#first);
  }

  /** The time of the newest hit; 0 where there is none. */
  get newestMs(): number {
    return this.#timesMs.at(-1) ?? 0;
  }

  /** What a hit at `nowMs` is told. It counts only once it is added. */
  judge(nowMs: number, { max, windowMs }: Pick<RatePolicy, 'max' | 'windowMs'>): Hit {
    this.#drop(nowMs, max, windowMs);
    const counting = this.#timesMs.length - this.#first;
    const admitted = counting < max;
    const oldestMs = this.#timesMs[this.#first] ?? nowMs;
    return {
      admitted,
      remaining: admitted ? max - counting - 1 : 0,
      resetMs: oldestMs + windowMs - nowMs,
    };
  }

  add(nowMs: number): void {
    this.#timesMs.push(nowMs);
  }

  /** Takes a hit of that time off. */
  remove(atMs: number): void {
    const index = this.#timesMs.lastIndexOf(atMs);
    if (index >= this.#first) this.#timesMs.splice(index, 1);
  }

  #drop(nowMs: number, max: number, windowMs: number): void {
    // As in `stillCounting`.
    if (this.newestMs > nowMs) this.#timesMs = this.#timesMs.map((timeMs) => Math.min(timeMs, nowMs));
    while ((this.#timesMs[this.#first] ?? nowMs) + windowMs <= nowMs) this.#first++;
    // Only the newest `max` hits matter; the log holds more after a deployment has lowered `max`.
    this.#first = Math.max(this.#first, this.#timesMs.length - max);
    // Rarely, because it moves all the others.
    if (this.#first > 100 && this.#first * 2 > this.#timesMs.length) {
      this.#timesMs.splice(0, this.#first);
      this.#first = 0;
    }
  }
}

/** Counts a hit in every bucket, or in none: refused hits leave no trace. */
export const countInAll = (
  logs: Map<string, WindowLog>,
  buckets: readonly Bucket[],
  nowMs: number,
  windowMs: number,
): BucketHit[] => {
  const judged = buckets.map(({ name, max }) => {
    const log = logs.get(name) ?? new WindowLog();
    return { log, hit: { name, ...log.judge(nowMs, { max, windowMs }) } };
  });
  const hits = judged.map(({ hit }) => hit);
  if (!hits.every(({ admitted }) => admitted)) return hits;
  for (const { log, hit } of judged) {
    log.add(nowMs);
    logs.set(hit.name, log);
  }
  return hits;
};
