import { type Bucket, type BucketHit, countInAll, WindowLog } from '../rules/sliding-window.ts';

const key = 'counts';
const keepEveryMs = 1_000;
/** A value on the disk has a bound, so a window is kept in at most so many steps. */
const keptSteps = 1_000;

/** How many hits count from each time on, a bucket each. */
type KeptLogs = ReadonlyMap<string, { readonly timesMs: Float64Array; readonly counts: Uint32Array }>;
type Kept = { readonly logs: KeptLogs; readonly windowMs: number; readonly untilMs: number };

/** The hits of each step of a window, at the end of the step: one that is read back counts a little longer. */
const toKept = (log: WindowLog, windowMs: number) => {
  const stepMs = Math.max(keepEveryMs, Math.ceil(windowMs / keptSteps));
  const countOf = new Map<number, number>();
  for (const timeMs of log.timesMs) {
    const endMs = Math.ceil(timeMs / stepMs) * stepMs;
    countOf.set(endMs, (countOf.get(endMs) ?? 0) + 1);
  }
  return { timesMs: Float64Array.from(countOf.keys()), counts: Uint32Array.from(countOf.values()) };
};

const ofKept = (logs: KeptLogs): Map<string, WindowLog> =>
  new Map(
    [...logs].map(([name, { timesMs, counts }]) => [
      name,
      new WindowLog(
        [...timesMs].flatMap((timeMs, step) => new Array<number>(counts[step] ?? 0).fill(timeMs)),
      ),
    ]),
  );

/**
 * The windows of a Durable Object, counted in memory. Nothing is written per request: the counts are kept on the disk at
 * most once a second, and at once when a bucket is full. A crash loses the hits of the last second, which a rate limit
 * can afford, but a caller that is blocked stays blocked.
 */
export class KeptCounts {
  readonly #storage: DurableObjectStorage;
  readonly #expireAt: (untilMs: number) => void;
  #logs: Map<string, WindowLog>;
  #windowMs: number;
  #untilMs: number;
  #willKeep = false;

  /** @param expireAt told of the time until which what is kept counts */
  constructor(storage: DurableObjectStorage, expireAt: (untilMs: number) => void) {
    const kept = storage.kv.get<Kept>(key);
    this.#storage = storage;
    this.#expireAt = expireAt;
    this.#logs = ofKept(kept?.logs ?? new Map());
    this.#windowMs = kept?.windowMs ?? 0;
    this.#untilMs = kept?.untilMs ?? 0;
  }

  /** The time until which the newest hit counts. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** Counts a hit in every bucket, or in none. It never awaits, so concurrent hits are atomic. */
  hit(buckets: readonly Bucket[], nowMs: number, windowMs: number): BucketHit[] {
    const hits = countInAll(this.#logs, buckets, nowMs, windowMs);
    if (!hits.every(({ admitted }) => admitted)) return hits;
    this.#windowMs = windowMs;
    this.#untilMs = Math.max(this.#untilMs, nowMs + windowMs);
    if (hits.some(({ remaining }) => remaining === 0)) this.#keep();
    else this.#keepSoon();
    return hits;
  }

  /** Gives a hit back that was counted at that time. */
  giveBack(bucket: string, atMs: number): void {
    this.#logs.get(bucket)?.remove(atMs);
    this.#keepSoon();
  }

  /** Forgets every hit. The owner deletes what is stored. */
  clear(): void {
    this.#logs = new Map();
    this.#untilMs = 0;
  }

  #keepSoon(): void {
    if (this.#willKeep) return;
    this.#willKeep = true;
    setTimeout(() => this.#willKeep && this.#keep(), keepEveryMs);
  }

  // Unconfirmed: the answer does not wait for the disk.
  #keep(): void {
    this.#willKeep = false;
    if (this.#untilMs === 0) return;
    const newestMs = this.#untilMs - this.#windowMs;
    for (const [name, log] of this.#logs) {
      if (log.newestMs + this.#windowMs <= newestMs) this.#logs.delete(name);
    }
    const logs = new Map([...this.#logs].map(([name, log]) => [name, toKept(log, this.#windowMs)]));
    void this.#storage.put<Kept>(
      key,
      { logs, windowMs: this.#windowMs, untilMs: this.#untilMs },
      { allowUnconfirmed: true },
    );
    this.#expireAt(this.#untilMs);
  }
}
