import { DurableObject } from 'cloudflare:workers';
import type { Bucket, BucketHit } from '../rules/sliding-window.ts';
import { KeptCounts } from './kept-counts.ts';

/** One object per policy and widest network. Its own clock dates all hits. */
export class RateLimiter extends DurableObject {
  readonly #counts = new KeptCounts(this.ctx.storage, (untilMs) => this.#expireAt(untilMs));
  #alarmIsSet = false;

  hit(buckets: readonly Bucket[], windowMs: number): BucketHit[] {
    return this.#counts.hit(buckets, Date.now(), windowMs);
  }

  /** Empties the object once no hit counts. */
  override async alarm(): Promise<void> {
    this.#alarmIsSet = this.#counts.untilMs > Date.now();
    if (this.#alarmIsSet) return this.ctx.storage.setAlarm(this.#counts.untilMs);
    this.#counts.clear();
    return this.ctx.storage.deleteAll();
  }

  #expireAt(untilMs: number): void {
    if (this.#alarmIsSet) return;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(untilMs, { allowUnconfirmed: true });
  }
}
