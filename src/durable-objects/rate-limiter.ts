import { DurableObject } from 'cloudflare:workers';
import { countHit, type Hit, type RatePolicy } from '../domain/sliding-window.ts';

/** What is kept of a hit beside its time, which is in its key. */
type StoredHit = { readonly countsUntilMs: number };

const maxKeysPerDelete = 128; // of one call of the storage API

/**
 * One object per policy and key. `hit` never awaits between reading and writing the log, so it is
 * atomic however many requests are in flight; one clock, the object's, dates all of them.
 */
export class RateLimiter extends DurableObject {
  #admittedAtMs: readonly number[] = [...this.ctx.storage.kv.list()].map(([key]) => Number.parseInt(key, 10));
  #alarmIsSet = false;

  /** A hit writes one entry, however many the policy allows; the log is read whole only when the object wakes. */
  hit({ max, windowMs }: Pick<RatePolicy, 'max' | 'windowMs'>): Hit {
    const nowMs = Date.now();
    const { log, hit } = countHit(this.#admittedAtMs, nowMs, { max, windowMs });
    this.#admittedAtMs = log;
    if (hit.admitted) this.#keep(nowMs, nowMs + windowMs);
    return hit;
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const entries = [...this.ctx.storage.kv.list<StoredHit>()];
    const newestMs = entries.reduce((newest, [, { countsUntilMs }]) => Math.max(newest, countsUntilMs), 0);
    this.#alarmIsSet = newestMs > nowMs;
    if (!this.#alarmIsSet) {
      this.#admittedAtMs = [];
      return this.ctx.storage.deleteAll();
    }
    const past = entries.filter(([, { countsUntilMs }]) => countsUntilMs <= nowMs).map(([key]) => key);
    for (let at = 0; at < past.length; at += maxKeysPerDelete) {
      void this.ctx.storage.delete(past.slice(at, at + maxKeysPerDelete));
    }
    return this.ctx.storage.setAlarm(newestMs);
  }

  // Unconfirmed: the answer does not wait for the disk. A crash may forget the last milliseconds of
  // hits, which a rate limit can afford; an eviction forgets none.
  #keep(atMs: number, countsUntilMs: number): void {
    // Thirteen digits until the year 2286, so that the order of the keys is that of the times.
    const key = `${atMs}/${crypto.randomUUID()}`;
    void this.ctx.storage.put<StoredHit>(key, { countsUntilMs }, { allowUnconfirmed: true });
    if (this.#alarmIsSet) return;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(countsUntilMs, { allowUnconfirmed: true });
  }
}
