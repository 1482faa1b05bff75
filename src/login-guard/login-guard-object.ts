import { DurableObject } from 'cloudflare:workers';
import { LedgerTable } from './ledger-table.ts';
import type { LoginOutcome, Verdict } from './rules/login-attempts.ts';
import {
  advanceLedger,
  forgiveLedger,
  type LedgerLimits,
  type LockedBy,
  lockOf,
  reserveInLedger,
  settleInLedger,
  stricter,
} from './rules/login-ledger.ts';
import { WaitingLines } from './waiting-lines.ts';

type Bindings = { LOGIN_GUARD: DurableObjectNamespace<LoginGuard> };

/** One ledger and what it allows; `networks` are the pairs that an attempt has in it. */
export type Counter = {
  readonly key: string;
  readonly limits: LedgerLimits;
  readonly networks: readonly string[];
};
/** Ledgers that lie in one shard. */
export type Place = { readonly shard: string; readonly counters: readonly [Counter, ...Counter[]] };
/** Where an attempt counts: for what it guesses at, and for the networks that it comes from. */
export type Attempt = { readonly subject: Place; readonly networks: Place };

export type Refused = {
  readonly admitted: false;
  readonly retryAfterMs: number;
  /** Whether what is guessed at is locked for all networks. */
  readonly lockedEverywhere: boolean;
};
export type Reserved = { readonly admitted: true; readonly ticket: string };

/** How long an attempt waits for those in flight, in both shards together; less than its request may last. */
const patienceMs = 8_000;
/** The alarm runs no more often than this, or at once where it has left something. */
const purgeEveryMs = 900_000;

/**
 * One shard of a fixed number, with the ledgers of everything whose hash leads to it. The Worker makes one call, to the
 * shard of what is guessed at, and that one asks the networks' shard: two hops, one call. Counting never awaits
 * between reading and writing a ledger, so it is atomic. No shard waits for another one while a third waits for it.
 */
export class LoginGuard extends DurableObject<Bindings> {
  readonly #ledgers = new LedgerTable(this.ctx.storage.sql);
  readonly #lines = new WaitingLines();
  #alarmIsSet = false;

  constructor(ctx: DurableObjectState, bindings: Bindings) {
    super(ctx, bindings);
    // An alarm that was moved ahead each time the object wakes up would never come.
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmIsSet = (await ctx.storage.getAlarm()) !== null;
    });
  }

  /** Called by the Worker on the subject's shard. Both places hold the reservation, or neither. */
  async reserve({ subject, networks }: Attempt): Promise<Reserved | Refused> {
    const ticket = crypto.randomUUID();
    const deadlineMs = Date.now() + patienceMs;
    const here = await this.reserveIn(subject.counters, ticket, deadlineMs);
    if (here.kind !== 'admitted') {
      const lockedEverywhere = subject.counters.some((counter) => this.#isLockedEverywhere(counter));
      return { admitted: false, retryAfterMs: here.retryAfterMs, lockedEverywhere };
    }

    const withdraw = () => this.settleIn(subject.counters, ticket, 'withdrawn');
    try {
      const there = await this.#shardOf(networks, subject).reserveIn(networks.counters, ticket, deadlineMs);
      if (there.kind === 'admitted') return { admitted: true, ticket };
      withdraw();
      return { admitted: false, retryAfterMs: there.retryAfterMs, lockedEverywhere: false };
    } catch (error) {
      withdraw();
      throw error;
    }
  }

  /** @returns the lock that this attempt began, the widest first */
  async settle(
    { subject, networks }: Attempt,
    ticket: string,
    outcome: LoginOutcome,
  ): Promise<LockedBy | null> {
    const began = this.settleIn(subject.counters, ticket, outcome);
    const there = await this.#shardOf(networks, subject).settleIn(networks.counters, ticket, outcome);
    if (began === 'total') return 'identifier';
    return there === null ? began : 'address';
  }

  /** Forgets the failures of what is guessed at; those of the networks that they came from stay. */
  forgive(counters: readonly Counter[]): void {
    const nowMs = Date.now();
    for (const { key, limits } of counters) {
      this.#ledgers.write(key, forgiveLedger(this.#ledgers.read(key), nowMs, limits), limits, nowMs);
      this.#lines.wake(key);
    }
  }

  /**
   * Reserves in all the ledgers or in none; called by one shard on another, as is `settleIn`. While attempts in flight
   * hold all places, nobody is refused who might yet be let in: parallel logins with the right password all pass,
   * and of parallel guesses none passes too many.
   */
  async reserveIn(counters: Place['counters'], ticket: string, deadlineMs: number): Promise<Verdict> {
    const line = lineOf(counters);
    let verdict = this.#reserveNow(counters, ticket);
    for (let turns = 0; verdict.kind === 'full'; turns++) {
      const isWoken = await this.#lines.wait(line, deadlineMs - Date.now(), turns > 0);
      verdict = this.#reserveNow(counters, ticket);
      if (!isWoken) break;
    }
    // There may be room for one more, or a lock that all who wait should hear of.
    if (verdict.kind !== 'full') this.#lines.wake(line);
    return verdict;
  }

  /** @returns the lock that this attempt began */
  settleIn(counters: Place['counters'], ticket: string, outcome: LoginOutcome): 'total' | 'pair' | null {
    const nowMs = Date.now();
    const began = counters.map(({ key, limits, networks }) => {
      const entry = { ticket, networks };
      const before = this.#ledgers.read(key);
      const ledger = settleInLedger(before, entry, outcome, nowMs, limits);
      this.#write(key, ledger, limits, nowMs);
      return lockOf(before, entry, nowMs) === null ? lockOf(ledger, entry, nowMs) : null;
    });
    this.#lines.wake(lineOf(counters));
    return began.find((lock) => lock === 'total') ?? began.find((lock) => lock !== null) ?? null;
  }

  override async alarm(): Promise<void> {
    // An object of the time when each identifier and each address had one; no name leads to it any more.
    if (this.ctx.storage.kv.get('attempts') !== undefined) return this.ctx.storage.deleteAll();
    const nowMs = Date.now();
    const nextMs = this.#ledgers.purge(nowMs);
    this.#alarmIsSet = nextMs !== null;
    if (nextMs === null) return;
    return this.ctx.storage.setAlarm(nextMs <= nowMs ? nowMs : Math.max(nextMs, nowMs + purgeEveryMs));
  }

  #shardOf(place: Place, own: Place): DurableObjectStub<LoginGuard> | LoginGuard {
    return place.shard === own.shard ? this : this.env.LOGIN_GUARD.getByName(place.shard);
  }

  #isLockedEverywhere({ key, limits }: Counter): boolean {
    const nowMs = Date.now();
    return advanceLedger(this.#ledgers.read(key), nowMs, limits).total.lockedUntilMs > nowMs;
  }

  #reserveNow(counters: Place['counters'], ticket: string): Verdict {
    const nowMs = Date.now();
    const reserved = counters.map(({ key, limits, networks }) => ({
      key,
      limits,
      ...reserveInLedger(this.#ledgers.read(key), { ticket, networks }, nowMs, limits),
    }));
    const verdict = reserved.map((each) => each.verdict).reduce(stricter);
    if (verdict.kind !== 'admitted') return verdict;
    for (const { key, limits, ledger } of reserved) this.#write(key, ledger, limits, nowMs);
    return verdict;
  }

  // Confirmed: the reply waits for the disk (output gate), so no reservation is lost in a crash.
  #write(
    key: string,
    ledger: Parameters<LedgerTable['write']>[1],
    limits: LedgerLimits,
    nowMs: number,
  ): void {
    this.#ledgers.write(key, ledger, limits, nowMs);
    if (this.#alarmIsSet) return;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(nowMs + purgeEveryMs);
  }
}

/** Of several ledgers the last is that of the widest network, in which everything counts that counts in the others. */
const lineOf = (counters: Place['counters']): string => (counters.at(-1) ?? counters[0]).key;
