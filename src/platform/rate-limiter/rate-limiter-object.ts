import { DurableObject } from 'cloudflare:workers';
import { type Bucket, type BucketHit, countInAll } from '../rules/sliding-window.ts';

/** A stored hit; its time is in its key. `buckets` are the names of the buckets that it counts in. */
type StoredHit = { readonly countsUntilMs: number; readonly buckets: readonly string[] };
type StoredDoubt = Pick<StoredHit, 'countsUntilMs'>;

export type Counted = {
  readonly hits: readonly BucketHit[];
  /** The key with which the hit can be given back; null for a hit that was not counted. */
  readonly ticket: string | null;
  /** The time until which no hit of the session counts, because it was dead when it was last used. */
  readonly doubtedUntilMs: number | null;
};

const maxKeysPerDelete = 128; // of one call of the storage API
const doubtPrefix = 'doubt/';
/** Per person and policy. The oldest go first; forgetting one costs its owner one more hit that is given back. */
const maxDoubts = 200;
/** A doubt can last much longer than a hit. While one lasts, entries that no longer count are deleted this often. */
const purgeEveryMs = 900_000;

/**
 * One object per policy and person, or per policy and widest network. `hit` never awaits between reading and writing the
 * logs, so concurrent hits stay atomic, and the object's own clock dates them all.
 */
export class RateLimiter extends DurableObject {
  #logs: ReadonlyMap<string, readonly number[]> = readLogs(this.ctx.storage.kv);
  readonly #doubtedUntilMs = readDoubts(this.ctx.storage.kv);
  #alarmIsSet = false;

  /** A hit writes one entry; the object reads all entries only when it wakes. */
  hit(buckets: readonly Bucket[], windowMs: number, sessionId: string | null = null): Counted {
    const nowMs = Date.now();
    const untilMs = sessionId === null ? undefined : this.#doubtedUntilMs.get(sessionId);
    if (untilMs !== undefined && untilMs > nowMs) return { hits: [], ticket: null, doubtedUntilMs: untilMs };

    const { logs, hits } = countInAll(this.#logs, buckets, nowMs, windowMs);
    this.#logs = logs;
    const isAdmitted = hits.every(({ admitted }) => admitted);
    const names = buckets.map(({ name }) => name);
    const ticket = isAdmitted ? this.#keep(nowMs, nowMs + windowMs, names) : null;
    return { hits, ticket, doubtedUntilMs: null };
  }

  /** Gives a hit back. Until `untilMs`, or until `trust`, no further hit of the session counts. */
  giveBack(ticket: string, sessionId: string, untilMs: number): void {
    const atMs = timeOf(ticket);
    this.#logs = new Map(
      [...this.#logs].map(([name, log]) => {
        const index = log.indexOf(atMs);
        return [name, index < 0 ? log : log.toSpliced(index, 1)];
      }),
    );
    void this.ctx.storage.delete(ticket, { allowUnconfirmed: true });

    const [oldest] = this.#doubtedUntilMs.keys();
    if (this.#doubtedUntilMs.size >= maxDoubts && oldest !== undefined) this.trust(oldest);
    this.#doubtedUntilMs.set(sessionId, untilMs);
    this.#put<StoredDoubt>(doubtPrefix + sessionId, { countsUntilMs: untilMs });
  }

  trust(sessionId: string): void {
    if (!this.#doubtedUntilMs.delete(sessionId)) return;
    void this.ctx.storage.delete(doubtPrefix + sessionId, { allowUnconfirmed: true });
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const entries = [...this.ctx.storage.kv.list<StoredDoubt>()];
    const newestMs = entries.reduce((newest, [, { countsUntilMs }]) => Math.max(newest, countsUntilMs), 0);
    this.#alarmIsSet = newestMs > nowMs;
    if (!this.#alarmIsSet) {
      this.#logs = new Map();
      this.#doubtedUntilMs.clear();
      return this.ctx.storage.deleteAll();
    }
    const past = entries.filter(([, { countsUntilMs }]) => countsUntilMs <= nowMs).map(([key]) => key);
    for (const key of past) this.#doubtedUntilMs.delete(key.slice(doubtPrefix.length));
    for (let at = 0; at < past.length; at += maxKeysPerDelete) {
      void this.ctx.storage.delete(past.slice(at, at + maxKeysPerDelete));
    }
    return this.ctx.storage.setAlarm(Math.min(newestMs, nowMs + purgeEveryMs));
  }

  #keep(atMs: number, countsUntilMs: number, buckets: readonly string[]): string {
    // Thirteen digits until the year 2286, so that the order of the keys is that of the times.
    const key = `${atMs}/${crypto.randomUUID()}`;
    this.#put<StoredHit>(key, { countsUntilMs, buckets });
    return key;
  }

  // Unconfirmed: the answer does not wait for the disk. A crash may lose the hits of the last milliseconds, which a
  // rate limit can afford; an eviction loses none.
  #put<Entry extends StoredDoubt>(key: string, entry: Entry): void {
    void this.ctx.storage.put<Entry>(key, entry, { allowUnconfirmed: true });
    if (this.#alarmIsSet) return;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(entry.countsUntilMs, { allowUnconfirmed: true });
  }
}

const timeOf = (key: string): number => Number.parseInt(key, 10);

/** The times of the hits in each bucket, oldest first. */
const readLogs = (kv: SyncKvStorage): Map<string, number[]> => {
  const logs = new Map<string, number[]>();
  for (const [key, { buckets = [] }] of kv.list<Partial<StoredHit>>({ end: doubtPrefix })) {
    for (const name of buckets) logs.set(name, [...(logs.get(name) ?? []), timeOf(key)]);
  }
  return logs;
};

const readDoubts = (kv: SyncKvStorage): Map<string, number> =>
  new Map(
    [...kv.list<StoredDoubt>({ prefix: doubtPrefix })].map(([key, { countsUntilMs }]) => [
      key.slice(doubtPrefix.length),
      countsUntilMs,
    ]),
  );
