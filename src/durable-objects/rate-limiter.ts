import { DurableObject } from 'cloudflare:workers';
import { countHit, type Hit, type RatePolicy, stillCounting } from '../domain/sliding-window.ts';

type Stored = { readonly admittedAtMs: readonly number[]; readonly windowMs: number };

const empty: Stored = { admittedAtMs: [], windowMs: 0 };

/**
 * One object per policy and key. `hit` never awaits between reading and writing the log, so it is
 * atomic however many requests are in flight; one clock, the object's, dates all of them.
 */
export class RateLimiter extends DurableObject {
  #stored: Stored = this.ctx.storage.kv.get<Stored>('window') ?? empty;
  #alarmIsSet = false;

  hit({ max, windowMs }: Pick<RatePolicy, 'max' | 'windowMs'>): Hit {
    const nowMs = Date.now();
    const { log, hit } = countHit(this.#stored.admittedAtMs, nowMs, { max, windowMs });
    this.#stored = { admittedAtMs: log, windowMs };
    if (hit.admitted) this.#save(nowMs + windowMs);
    return hit;
  }

  override async alarm(): Promise<void> {
    const { admittedAtMs, windowMs } = this.#stored;
    const newestMs = stillCounting(admittedAtMs, Date.now(), windowMs).at(-1);
    this.#alarmIsSet = newestMs !== undefined;
    if (newestMs !== undefined) return this.ctx.storage.setAlarm(newestMs + windowMs);

    this.#stored = empty;
    await this.ctx.storage.deleteAll();
  }

  // Unconfirmed: the answer does not wait for the disk. A crash may forget the last milliseconds of
  // hits, which a rate limit can afford; an eviction forgets none.
  #save(alarmMs: number): void {
    void this.ctx.storage.put('window', this.#stored, { allowUnconfirmed: true });
    if (this.#alarmIsSet) return;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(alarmMs, { allowUnconfirmed: true });
  }
}
