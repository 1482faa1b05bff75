import { DurableObject } from 'cloudflare:workers';
import { KeptCounts } from '../platform/rate-limiter/kept-counts.ts';
import type { PersonHit, Ticket } from '../platform/rate-limiter/rate-limiter.ts';
import type { Epoch, SessionAnswer } from '../platform/rules/session-answer.ts';
import type { Bucket } from '../platform/rules/sliding-window.ts';
import { emptyMemory, forget, type ReadSession, recall, remember } from './rules/session-memory.ts';

const doubtPrefix = 'doubt/';
const maxKeysPerDelete = 128; // of one call of the storage API
/** The oldest go first; forgetting one costs its owner one more hit that is given back. */
const maxDoubts = 200;
/** A doubt can last much longer than a hit. While one lasts, entries that no longer count are deleted this often. */
const purgeEveryMs = 900_000;

/**
 * One object per account. It counts the requests of its person, and remembers in memory which of the sessions live.
 * PostgreSQL stays the truth: a gate that knows nothing answers null, and its memory is never on the disk.
 */
export class SessionGate extends DurableObject {
  readonly #life = crypto.randomUUID();
  readonly #counts = new KeptCounts(this.ctx.storage, (untilMs) => this.#expireAt(untilMs));
  /** The times until which no hit of a session counts, because the session was dead when it was last used. */
  readonly #doubtedUntilMs = readDoubts(this.ctx.storage.kv);
  #memory = emptyMemory;
  #alarmIsSet = false;

  ask(sessionId: string): SessionAnswer {
    const atMs = Date.now();
    const known = recall(this.#memory, sessionId, atMs);
    return {
      account: known?.account ?? null,
      isOver: known?.account === null,
      epoch: { life: this.#life, changes: this.#memory.changes, atMs },
    };
  }

  /** Counts a request of a session, and answers what is known of the session. */
  hit(sessionId: string, bucket: Bucket, windowMs: number): PersonHit {
    const answer = this.ask(sessionId);
    const { atMs } = answer.epoch;
    const untilMs = this.#doubtedUntilMs.get(sessionId) ?? 0;
    if (untilMs > atMs) return { hit: null, ticket: null, doubtedUntilMs: untilMs, answer };

    const [hit = null] = this.#counts.hit([bucket], atMs, windowMs);
    const ticket = hit?.admitted ? { bucket: bucket.name, atMs } : null;
    return { hit, ticket, doubtedUntilMs: null, answer };
  }

  /** Remembers what was read of a session under an epoch that the gate gave. */
  fill(session: ReadSession, epoch: Epoch, keepMs: number): void {
    this.#memory = remember(this.#memory, { life: this.#life, epoch, keepMs }, session);
  }

  /** The account has changed. Once this has returned, nothing from before is told. */
  forget(): void {
    this.#memory = forget(this.#memory);
  }

  /** Gives a hit back. Until `untilMs`, or until `trust`, no further hit of the session counts. */
  giveBack(ticket: Ticket, sessionId: string, untilMs: number): void {
    this.#counts.giveBack(ticket.bucket, ticket.atMs);
    const [oldest] = this.#doubtedUntilMs.keys();
    if (this.#doubtedUntilMs.size >= maxDoubts && oldest !== undefined) this.trust(oldest);
    this.#doubtedUntilMs.set(sessionId, untilMs);
    void this.ctx.storage.put(doubtPrefix + sessionId, untilMs, { allowUnconfirmed: true });
    this.#expireAt(untilMs);
  }

  trust(sessionId: string): void {
    if (!this.#doubtedUntilMs.delete(sessionId)) return;
    void this.ctx.storage.delete(doubtPrefix + sessionId, { allowUnconfirmed: true });
  }

  /** Deletes what no longer counts, and everything once nothing does. */
  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const newestMs = Math.max(this.#counts.untilMs, ...this.#doubtedUntilMs.values());
    this.#alarmIsSet = newestMs > nowMs;
    if (!this.#alarmIsSet) {
      this.#counts.clear();
      this.#doubtedUntilMs.clear();
      return this.ctx.storage.deleteAll();
    }
    const past = [...this.#doubtedUntilMs].flatMap(([sessionId, untilMs]) =>
      untilMs <= nowMs ? [sessionId] : [],
    );
    for (const sessionId of past) this.#doubtedUntilMs.delete(sessionId);
    const keys = past.map((sessionId) => doubtPrefix + sessionId);
    for (let at = 0; at < keys.length; at += maxKeysPerDelete) {
      void this.ctx.storage.delete(keys.slice(at, at + maxKeysPerDelete));
    }
    return this.ctx.storage.setAlarm(Math.min(newestMs, nowMs + purgeEveryMs));
  }

  #expireAt(untilMs: number): void {
    if (this.#alarmIsSet) return;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(untilMs, { allowUnconfirmed: true });
  }
}

const readDoubts = (kv: SyncKvStorage): Map<string, number> =>
  new Map(
    [...kv.list<number>({ prefix: doubtPrefix })].map(([key, untilMs]) => [
      key.slice(doubtPrefix.length),
      untilMs,
    ]),
  );
