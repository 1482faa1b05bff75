import {
  type Attempts,
  advance,
  clear,
  isBlank,
  judge,
  type Limit,
  type LoginOutcome,
  noAttempts,
  reserve,
  settle,
  type Verdict,
} from './login-attempts.ts';

export type LoginPolicy = {
  readonly maxAttempts: number;
  readonly windowMs: number;
  readonly lockMs: number;
};

/** The port of the login guard; rejects with `service_unavailable` when the counts cannot be reached. */
export type LoginGuard = {
  /**
   * Counts an attempt before its password is compared (OWASP ASVS 5.0, 6.3.1).
   * @param ip the client's address, or its IPv6 /64; null shares one bucket
   * @throws AppError `service_unavailable` when the counts cannot be reached
   */
  readonly reserve: (identifier: string, ip: string | null) => Promise<LoginAttempt>;
  /** Forgets the failures of identifiers whose owner has proved to be it by other means. */
  readonly forgive: (identifiers: readonly string[]) => Promise<void>;
};

export type LoginAttempt =
  | {
      readonly admitted: true;
      /** For after the response. An attempt that is never settled counts as failed. @returns the lock that it began */
      readonly settle: (outcome: LoginOutcome) => Promise<LockedBy | null>;
    }
  | { readonly admitted: false; readonly retryAfterSeconds: number };

/** What is locked: one identifier at one address, the identifier everywhere, or the address for all identifiers. */
export type LockedBy = 'pair' | 'identifier' | 'address';

/** The counters of one identifier (with the addresses that tried it) or of one address (without). */
export type Ledger = { readonly total: Attempts; readonly pairs: ReadonlyMap<string, Attempts> };

export const emptyLedger: Ledger = { total: noAttempts, pairs: new Map() };

export type LedgerLimits = { readonly total: Limit; readonly pair: Limit };

const limits = ({ maxAttempts, ...times }: LoginPolicy, factor: number): LedgerLimits => ({
  total: { ...times, max: maxAttempts * factor },
  pair: { ...times, max: maxAttempts },
});

/** Ten pairs' worth of failures: guesses from many addresses, each too few to lock its pair. */
export const identifierLimits = (policy: LoginPolicy): LedgerLimits => limits(policy, 10);

/** Twenty: one address trying many identifiers, though a whole office may share an address. */
export const addressLimits = (policy: LoginPolicy): LedgerLimits => limits(policy, 20);

/** One attempt in a ledger; `pair` is the address in an identifier's ledger and null in an address's. */
export type Entry = { readonly ticket: string; readonly pair: string | null };

/**
 * Lets time pass and drops what no longer counts. A locked total drops its pairs, whose locks began
 * earlier and end earlier; so a ledger never holds more pairs than its total's `max`.
 */
export const advanceLedger = ({ total, pairs }: Ledger, nowMs: number, limit: LedgerLimits): Ledger => {
  const totalNow = advance(total, nowMs, limit.total);
  if (totalNow.lockedUntilMs > nowMs) return { total: totalNow, pairs: emptyLedger.pairs };
  const pairsNow = [...pairs]
    .map(([address, attempts]) => [address, advance(attempts, nowMs, limit.pair)] as const)
    .filter(([, attempts]) => !isBlank(attempts, nowMs));
  return { total: totalNow, pairs: new Map(pairsNow) };
};

const longer = (a: Verdict, b: Verdict): Verdict => {
  if (a.kind === 'admitted') return b;
  if (b.kind === 'admitted') return a;
  if (a.kind !== b.kind) return a.kind === 'locked' ? a : b;
  return a.retryAfterMs > b.retryAfterMs ? a : b;
};

const withPair = (pairs: Ledger['pairs'], pair: string | null, change: (attempts: Attempts) => Attempts) =>
  pair === null ? pairs : new Map(pairs).set(pair, change(pairs.get(pair) ?? noAttempts));

/** Reserves in the total and in the pair, or in neither. Keep the ledger whatever the verdict. */
export const reserveInLedger = (
  ledger: Ledger,
  { ticket, pair }: Entry,
  nowMs: number,
  limit: LedgerLimits,
): { ledger: Ledger; verdict: Verdict } => {
  const current = advanceLedger(ledger, nowMs, limit);
  const ofPair = (pair === null ? undefined : current.pairs.get(pair)) ?? noAttempts;
  const verdict = longer(judge(current.total, nowMs, limit.total), judge(ofPair, nowMs, limit.pair));
  if (verdict.kind !== 'admitted') return { ledger: current, verdict };
  return {
    ledger: {
      total: reserve(current.total, ticket, nowMs),
      pairs: withPair(current.pairs, pair, (attempts) => reserve(attempts, ticket, nowMs)),
    },
    verdict,
  };
};

/**
 * A success clears its pair only: were the total cleared too, one account of one's own would wipe out
 * an address's failures at others, and the owner's logins an attacker's failures elsewhere.
 */
export const settleInLedger = (
  ledger: Ledger,
  { ticket, pair }: Entry,
  outcome: LoginOutcome,
  nowMs: number,
  limit: LedgerLimits,
): Ledger => {
  const { total, pairs } = advanceLedger(ledger, nowMs, limit);
  const settled = {
    total: settle(total, ticket, outcome, nowMs, limit.total),
    pairs: withPair(pairs, pair, (attempts) => {
      const rest = settle(attempts, ticket, outcome, nowMs, limit.pair);
      return outcome === 'succeeded' ? clear(rest) : rest;
    }),
  };
  return advanceLedger(settled, nowMs, limit);
};

/** Forgets all failures and locks; attempts in flight go on counting. */
export const forgiveLedger = (ledger: Ledger, nowMs: number, limit: LedgerLimits): Ledger => {
  const { total, pairs } = advanceLedger(ledger, nowMs, limit);
  const cleared = [...pairs].map(([address, attempts]) => [address, clear(attempts)] as const);
  return advanceLedger({ total: clear(total), pairs: new Map(cleared) }, nowMs, limit);
};

/** Whether the entry's total or pair is locked. */
export const lockOf = (ledger: Ledger, { pair }: Entry, nowMs: number): 'total' | 'pair' | null => {
  if (ledger.total.lockedUntilMs > nowMs) return 'total';
  const ofPair = pair === null ? undefined : ledger.pairs.get(pair);
  return ofPair !== undefined && ofPair.lockedUntilMs > nowMs ? 'pair' : null;
};

export const isBlankLedger = ({ total, pairs }: Ledger, nowMs: number): boolean =>
  pairs.size === 0 && isBlank(total, nowMs);
