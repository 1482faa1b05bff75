import { type Networks, shareOf } from '../../platform/rules/network.ts';
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
export type Standing = 'session' | 'familiar';

export type LoginGuard = {
  /**
   * Counts an attempt before its password is compared (OWASP ASVS 5.0, 6.3.1).
   * @param account the e-mail address of the account, whatever it was named by; of none, what was typed
   * @param standing what the attempt has that a stranger's has not: a live session of the account, or a network that
   *   the account knows. Asked only if the account is locked for all networks: guesses from elsewhere must not keep the
   *   owner out, nor those of people on the same network keep out a session
   * @throws AppError `service_unavailable` when the counts cannot be reached
   */
  readonly reserve: (
    account: string,
    networks: Networks,
    standing: () => Promise<Standing | null>,
  ) => Promise<LoginAttempt>;
  /** The same for a code that was mailed: every code that an address gets is counted together. */
  readonly reserveCode: (email: string, networks: Networks) => Promise<LoginAttempt>;
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

/** What is locked: one identifier at one network, the identifier everywhere, or the network for all identifiers. */
export type LockedBy = 'pair' | 'identifier' | 'address';

/** The counters of one identifier (with the networks that tried it) or of one network (without). */
export type Ledger = { readonly total: Attempts; readonly pairs: ReadonlyMap<string, Attempts> };

export const emptyLedger: Ledger = { total: noAttempts, pairs: new Map() };

/** `pair` is the allowance of one client; a wider network has a multiple of it (`shareOf`). */
export type LedgerLimits = { readonly total: Limit; readonly pair: Limit };

const limits = ({ maxAttempts, ...times }: LoginPolicy, factor: number): LedgerLimits => ({
  total: { ...times, max: maxAttempts * factor },
  pair: { ...times, max: maxAttempts },
});

/** Ten pairs' worth of failures: guesses from many networks, each too few to lock its pair. */
export const identifierLimits = (policy: LoginPolicy): LedgerLimits => limits(policy, 10);

/** Twenty: one network trying many identifiers, though a whole office may share an address. */
export const networkLimits = (policy: LoginPolicy, network: string): LedgerLimits =>
  limits(policy, 20 * shareOf(network));

const dayMs = 86_400_000;

/**
 * Wrong codes for one address: one guess in 100,000 a day, however many messages are asked for (NIST SP 800-63B-4
 * section 3.1.3). One network gets half, so that it alone does not lock the owner out.
 */
export const codeLimits: LedgerLimits = {
  total: { max: 10, windowMs: dayMs, lockMs: dayMs },
  pair: { max: 5, windowMs: dayMs, lockMs: dayMs },
};

/** One attempt in a ledger; `networks` are its pairs in an identifier's ledger, and none in a network's. */
export type Entry = { readonly ticket: string; readonly networks: readonly string[] };

const pairLimit = ({ pair }: LedgerLimits, network: string): Limit => ({
  ...pair,
  max: pair.max * shareOf(network),
});

/**
 * Lets time pass and drops what no longer counts. A locked total drops its pairs, whose locks began
 * earlier and end earlier; so a ledger never holds the pairs of more attempts than its total's `max`.
 */
export const advanceLedger = ({ total, pairs }: Ledger, nowMs: number, limit: LedgerLimits): Ledger => {
  const totalNow = advance(total, nowMs, limit.total);
  if (totalNow.lockedUntilMs > nowMs) return { total: totalNow, pairs: emptyLedger.pairs };
  const pairsNow = [...pairs]
    .map(([network, attempts]) => [network, advance(attempts, nowMs, pairLimit(limit, network))] as const)
    .filter(([, attempts]) => !isBlank(attempts, nowMs));
  return { total: totalNow, pairs: new Map(pairsNow) };
};

/** The verdict that stands where several are given. */
export const stricter = (a: Verdict, b: Verdict): Verdict => {
  if (a.kind === 'admitted') return b;
  if (b.kind === 'admitted') return a;
  if (a.kind !== b.kind) return a.kind === 'locked' ? a : b;
  return a.retryAfterMs > b.retryAfterMs ? a : b;
};

const withPairs = (
  pairs: Ledger['pairs'],
  networks: readonly string[],
  change: (attempts: Attempts, network: string) => Attempts,
): Ledger['pairs'] =>
  new Map([
    ...pairs,
    ...networks.map((network) => [network, change(pairs.get(network) ?? noAttempts, network)] as const),
  ]);

/** Reserves in the total and in every pair, or in none. */
export const reserveInLedger = (
  ledger: Ledger,
  { ticket, networks }: Entry,
  nowMs: number,
  limit: LedgerLimits,
): { ledger: Ledger; verdict: Verdict } => {
  const current = advanceLedger(ledger, nowMs, limit);
  const ofPairs = networks.map((network) =>
    judge(current.pairs.get(network) ?? noAttempts, nowMs, pairLimit(limit, network)),
  );
  const verdict = ofPairs.reduce(stricter, judge(current.total, nowMs, limit.total));
  if (verdict.kind !== 'admitted') return { ledger: current, verdict };
  return {
    ledger: {
      total: reserve(current.total, ticket, nowMs),
      pairs: withPairs(current.pairs, networks, (attempts) => reserve(attempts, ticket, nowMs)),
    },
    verdict,
  };
};

/**
 * A success clears the pair of its narrowest network only: were the total cleared too, one account of one's own would
 * wipe out a network's failures at others, and the owner's logins an attacker's failures elsewhere.
 */
export const settleInLedger = (
  ledger: Ledger,
  { ticket, networks }: Entry,
  outcome: LoginOutcome,
  nowMs: number,
  limit: LedgerLimits,
): Ledger => {
  const { total, pairs } = advanceLedger(ledger, nowMs, limit);
  const settled = {
    total: settle(total, ticket, outcome, nowMs, limit.total),
    pairs: withPairs(pairs, networks, (attempts, network) => {
      const rest = settle(attempts, ticket, outcome, nowMs, pairLimit(limit, network));
      return outcome === 'succeeded' && network === networks[0] ? clear(rest) : rest;
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

/** Whether the entry's total or one of its pairs is locked. */
export const lockOf = (ledger: Ledger, { networks }: Entry, nowMs: number): 'total' | 'pair' | null => {
  if (ledger.total.lockedUntilMs > nowMs) return 'total';
  return networks.some((network) => (ledger.pairs.get(network)?.lockedUntilMs ?? 0) > nowMs) ? 'pair' : null;
};

export const isBlankLedger = ({ total, pairs }: Ledger, nowMs: number): boolean =>
  pairs.size === 0 && isBlank(total, nowMs);
