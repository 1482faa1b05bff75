import { DurableObject } from 'cloudflare:workers';
import { LedgerTable } from './ledger-table.ts';
import { type Challenge, judge, type LoginOutcome, type Verdict } from './rules/login-attempts.ts';
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
  /** How long it waits for attempts in flight, in both places together. */
  readonly patienceMs: number;
};

export type Refused = {
  readonly admitted: false;
  readonly retryAfterMs: number;
  /** Whether the name has no place left for any network, because it is locked or attempts in flight hold them all. */
  readonly takenEverywhere: boolean;
  readonly waitedMs: number;
  readonly isChallenged?: true;
};
export type Reserved = { readonly admitted: true; readonly ticket: string; readonly isDoubtful?: true };

/** The alarm waits at least this long, or runs again at once where rows are left to delete. */
const purgeEveryMs = 900_000;

/** Attempts that wait for a place, one line for each key. Who leaves a line wakes the next one there. */
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
  async reserve({ subject, networks, challenge = null, patienceMs }: Attempt): Promise<Reserved | Refused> {
    const ticket = crypto.randomUUID();
    const startedMs = Date.now();
    const deadlineMs = startedMs + patienceMs;
    const here = await this.reserveIn(subject.counters, ticket, deadlineMs, challenge);
    if (here.kind !== 'admitted') {
      return refused(
        here,
        subject.counters.some((counter) => this.#isTakenEverywhere(counter, here, challenge)),
        startedMs,
      );
    }

    const withdraw = () => this.settleIn(subject.counters, ticket, 'withdrawn');
    try {
      const shard = this.#shardOf(networks, subject);
      const there = await shard.reserveIn(networks.counters, ticket, deadlineMs, challenge);
      if (there.kind === 'admitted')
        return { admitted: true, ticket, ...((here.isDoubtful || there.isDoubtful) && { isDoubtful: true }) };
      withdraw();
      return refused(there, false, startedMs);
    } catch (error) {
      withdraw();
      throw error;
    }
  }

  /** @returns the lock that this attempt began, the widest first */
  async settle(
    { subject, networks }: Pick<Attempt, 'subject' | 'networks'>,
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
    }
    this.#wake(counters);
  }

  /**
   * Reserves in all the ledgers or in none; called by one shard on another, as is `settleIn`. While attempts in flight
   * hold all places, the next one waits: parallel logins with the right password all pass, and parallel guesses never
   * get more places than there are. It waits where the places are taken, so that a network with none left holds up no
   * other one. Attempts without a token have fewer places and lines of their own, so that they hold up nobody who brings
   * one.
   */
  async reserveIn(
    counters: Place['counters'],
    ticket: string,
    deadlineMs: number,
    challenge: Challenge = null,
  ): Promise<Verdict> {
    let { verdict, line } = this.#reserveNow(counters, ticket, challenge);
    let isWoken = true;
    for (let stays = false; line !== null && isWoken; ) {
      const left = line;
      isWoken = await this.#lines.wait(left, deadlineMs - Date.now(), stays);
      ({ verdict, line } = this.#reserveNow(counters, ticket, challenge));
      stays = line === left;
      // There may be room for the next one, or a lock that every waiting attempt should learn of.
      if (!stays) this.#lines.wake(left);
    }
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
    this.#wake(counters);
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

  #wake(counters: readonly Counter[]): void {
    for (const { key, networks } of counters)
      for (const network of [null, ...networks])
        for (const challenge of [null, 'missing'] as const) this.#lines.wake(lineOf(key, network, challenge));
  }

  /** A network that is locked by itself stays so while attempts in flight hold all places. */
  #isTakenEverywhere({ key, limits }: Counter, { kind }: Verdict, challenge: Challenge): boolean {
    const nowMs = Date.now();
    const { total } = advanceLedger(this.#ledgers.read(key), nowMs, limits);
    return judge(total, nowMs, limits.total, challenge).kind === kind && kind !== 'admitted';
  }

  /** `line` is where the attempt has to wait; null where it has not. */
  #reserveNow(
    counters: Place['counters'],
    ticket: string,
    challenge: Challenge,
  ): { verdict: Verdict; line: string | null } {
    const nowMs = Date.now();
    const reserved = counters.map(({ key, limits, networks }) => ({
      key,
      limits,
      ...reserveInLedger(this.#ledgers.read(key), { ticket, networks, challenge }, nowMs, limits),
    }));
    const verdict = reserved.map((each) => each.verdict).reduce(stricter);
    if (verdict.kind === 'full') {
      const full = reserved.find((each) => each.verdict.kind === 'full');
      return { verdict, line: full ? lineOf(full.key, full.fullPair, challenge) : null };
    }
    if (verdict.kind === 'admitted')
      for (const { key, limits, ledger } of reserved) this.#write(key, ledger, limits, nowMs);
    return { verdict, line: null };
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

/** Where attempts wait for a place of a network in a ledger or, without one, for a place in its total. */
const lineOf = (key: string, network: string | null, challenge: Challenge): string =>
  [key, network ?? '', challenge === 'missing' ? 'without token' : ''].join('|');

const refused = (
  { kind, retryAfterMs }: Exclude<Verdict, { kind: 'admitted' }>,
  takenEverywhere: boolean,
  startedMs: number,
): Refused => ({
  admitted: false,
  retryAfterMs,
  takenEverywhere,
  waitedMs: Date.now() - startedMs,
  ...(kind === 'challenged' && { isChallenged: true }),
});
