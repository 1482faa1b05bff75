import { DurableObject } from 'cloudflare:workers';
import { LedgerTable } from './ledger-table.ts';
import type { Challenge, LoginOutcome, Verdict } from './rules/login-attempts.ts';
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

type Bindings = { LOGIN_GUARD: DurableObjectNamespace<LoginGuard> };

/** One ledger and what it allows; `networks` are the pairs that an attempt has in it. */
export type Counter = {
  readonly key: string;
  readonly limits: LedgerLimits;
  readonly networks: readonly string[];
};
/** Ledgers that lie in one shard. */
export type Place = { readonly shard: string; readonly counters: readonly [Counter, ...Counter[]] };
/** Where an attempt counts: for the name that it guesses at, and for the networks that it comes from. */
export type Attempt = {
  readonly subject: Place;
  readonly networks: Place;
  readonly challenge?: Challenge;
};

export type Refused = {
  readonly admitted: false;
  readonly retryAfterMs: number;
  /** Whether the name is locked for all networks. */
  readonly lockedEverywhere: boolean;
  readonly isChallenged?: true;
};
export type Reserved = { readonly admitted: true; readonly ticket: string; readonly isDoubtful?: true };

/** How long an attempt waits for those in flight, in both shards together; its request may last longer. */
const patienceMs = 8_000;
/** The alarm waits at least this long, or runs again at once where rows are left to delete. */
const purgeEveryMs = 900_000;

/**
 * Attempts that wait for a place, one line for each key. A woken attempt wakes the next one if there may be room for
 * it.
 */
class WaitingLines {
  readonly #lines = new Map<string, (() => void)[]>();

  /** @returns false where the time was over first */
  async wait(key: string, forMs: number, isFirst: boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = () => resolve(true);
    const timer = setTimeout(() => resolve(false), forMs);
    const line = this.#lines.get(key) ?? [];
    this.#lines.set(key, isFirst ? [wake, ...line] : [...line, wake]);
    const isWoken = await promise;
    clearTimeout(timer);
    this.#leave(key, wake);
    return isWoken;
  }

  /** Wakes the first in the line. */
  wake(key: string): void {
    const first = this.#lines.get(key)?.[0];
    if (!first) return;
    this.#leave(key, first);
    first();
  }

  #leave(key: string, wake: () => void): void {
    const rest = (this.#lines.get(key) ?? []).filter((each) => each !== wake);
    if (rest.length === 0) this.#lines.delete(key);
    else this.#lines.set(key, rest);
  }
}

/**
 * One shard of a fixed number, with the ledgers of every name and network whose hash leads to it. The Worker calls
 * the shard of the name, which asks the shard of the networks: two hops, one call. Counting never awaits between
 * reading and writing a ledger, so it is atomic. No shard waits for another one while a third waits for it.
 */
export class LoginGuard extends DurableObject<Bindings> {
  readonly #ledgers = new LedgerTable(this.ctx.storage.sql);
  readonly #lines = new WaitingLines();
  #alarmIsSet = false;

  constructor(ctx: DurableObjectState, bindings: Bindings) {
    super(ctx, bindings);
    // If each wake-up of the object moved the alarm, the alarm would never come.
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmIsSet = (await ctx.storage.getAlarm()) !== null;
    });
  }

  /** Called by the Worker on the subject's shard. Both places hold the reservation, or neither. */
  async reserve({ subject, networks, challenge = null }: Attempt): Promise<Reserved | Refused> {
    const ticket = crypto.randomUUID();
    const deadlineMs = Date.now() + patienceMs;
    const here = await this.reserveIn(subject.counters, ticket, deadlineMs, challenge);
    if (here.kind !== 'admitted') {
      return refused(
        here,
        subject.counters.some((counter) => this.#isLockedEverywhere(counter)),
      );
    }

    const withdraw = () => this.settleIn(subject.counters, ticket, 'withdrawn');
    try {
      const shard = this.#shardOf(networks, subject);
      const there = await shard.reserveIn(networks.counters, ticket, deadlineMs, challenge);
      if (there.kind === 'admitted')
        return { admitted: true, ticket, ...((here.isDoubtful || there.isDoubtful) && { isDoubtful: true }) };
      withdraw();
      return refused(there, false);
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

  /** Forgets failures of a name; the ledgers of the networks keep theirs. */
  forgive(counters: readonly Counter[]): void {
    const nowMs = Date.now();
    for (const { key, limits, networks } of counters) {
      const ledger = forgiveLedger(this.#ledgers.read(key), networks, nowMs, limits);
      this.#ledgers.write(key, ledger, limits, nowMs);
      this.#wake(key);
    }
  }

  /**
   * Reserves in all the ledgers or in none; called by one shard on another, as is `settleIn`. While attempts in flight
   * hold all places, the next one waits: parallel logins with the right password all pass, and parallel guesses never
   * get more places than there are. Attempts without a token have fewer places and a line of their own, so that they
   * hold up nobody who brings one.
   */
  async reserveIn(
    counters: Place['counters'],
    ticket: string,
    deadlineMs: number,
    challenge: Challenge = null,
  ): Promise<Verdict> {
    const line = challenge === 'missing' ? withoutToken(lineOf(counters)) : lineOf(counters);
    let verdict = this.#reserveNow(counters, ticket, challenge);
    for (let turns = 0; verdict.kind === 'full'; turns++) {
      const isWoken = await this.#lines.wait(line, deadlineMs - Date.now(), turns > 0);
      verdict = this.#reserveNow(counters, ticket, challenge);
      if (!isWoken) break;
    }
    // There may be room for one more, or a lock that every waiting attempt should learn of.
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
    this.#wake(lineOf(counters));
    return began.find((lock) => lock === 'total') ?? began.find((lock) => lock !== null) ?? null;
  }

  override async alarm(): Promise<void> {
    // This object is from the time when each identifier and each address had its own; no name leads to it now.
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

  #wake(line: string): void {
    this.#lines.wake(line);
    this.#lines.wake(withoutToken(line));
  }

  #isLockedEverywhere({ key, limits }: Counter): boolean {
    const nowMs = Date.now();
    return advanceLedger(this.#ledgers.read(key), nowMs, limits).total.lockedUntilMs > nowMs;
  }

  #reserveNow(counters: Place['counters'], ticket: string, challenge: Challenge): Verdict {
    const nowMs = Date.now();
    const reserved = counters.map(({ key, limits, networks }) => ({
      key,
      limits,
      ...reserveInLedger(this.#ledgers.read(key), { ticket, networks, challenge }, nowMs, limits),
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

/** The last of several ledgers is that of the widest network, and counts everything that the others count. */
const lineOf = (counters: Place['counters']): string => (counters.at(-1) ?? counters[0]).key;

const withoutToken = (line: string): string => `${line}|without token`;

const refused = (
  { kind, retryAfterMs }: Exclude<Verdict, { kind: 'admitted' }>,
  lockedEverywhere: boolean,
): Refused => ({
  admitted: false,
  retryAfterMs,
  lockedEverywhere,
  ...(kind === 'challenged' && { isChallenged: true }),
});
