import type { LoginName } from '../../accounts/rules/account.ts';
import { type Networks, shareOf } from '../../platform/rules/network.ts';
import {
  type Attempts,
  advance,
  type Challenge,
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

/** What an attempt has that a stranger's lacks: a live session of the account, or a network that the account knows. */
export type Standing = 'session' | 'familiar';

/**
 * Counts failures in Durable Objects. Every call rejects with `service_unavailable` where the counts cannot be
 * reached.
 */
export type LoginGuard = {
  /**
   * Counts an attempt before its password is compared (OWASP ASVS 5.0, 6.3.1).
   * @param account the e-mail address of the account; where there is no account, what was typed
   * @param standing asked only if the account is locked for all networks, or attempts in flight hold all its places, so
   *   that guesses from elsewhere do not keep the owner out
   * @param challenge decides nothing about locks: a token opens none
   */
  readonly reserve: (
    account: LoginName,
    networks: Networks,
    standing: () => Promise<Standing | null>,
    challenge?: Challenge,
  ) => Promise<LoginAttempt>;
  /** Counts a guess at a mailed code. All codes of an address, which is in its stored form, count together. */
  readonly reserveCode: (email: string, networks: Networks) => Promise<LoginAttempt>;
  /**
   * Forgets the failures of an account whose owner has proved who they are in another way: those of the owner's networks
   * and of all networks together. Other networks stay locked, and wrong codes of all networks go on counting: the end
   * of a lock would tell the stranger who caused it that the address has an owner.
   */
  readonly forgive: (names: readonly LoginName[], networks: Networks) => Promise<void>;
};

export type LoginAttempt =
  | {
      readonly admitted: true;
      /** There were failures: the token has to be verified before the password is compared. */
      readonly isDoubtful?: true;
      /** Call it after the response; an unsettled attempt counts as failed. @returns the lock that the attempt began */
      readonly settle: (outcome: LoginOutcome) => Promise<LockedBy | null>;
    }
  | {
      readonly admitted: false;
      readonly retryAfterSeconds: number;
      /** There were failures and no token: with one, the attempt may come again at once. Nothing was counted. */
      readonly isChallenged?: true;
    };

/** What is locked: one identifier at one network, the identifier everywhere, or the network for all identifiers. */
export type LockedBy = 'pair' | 'identifier' | 'address';

/** The counters of one identifier (with the networks that tried it) or of one network (without). */
export type Ledger = { readonly total: Attempts; readonly pairs: ReadonlyMap<string, Attempts> };

export const emptyLedger: Ledger = { total: noAttempts, pairs: new Map() };

/** `pair` is the allowance of one client; a wider network has a multiple of it (`shareOf`). */
export type LedgerLimits = {
  readonly total: Limit;
  readonly pair: Limit;
  /** Whether the count of all networks together goes on when the owner is forgiven. */
  readonly keepsTotal?: true;
};

const limits = ({ maxAttempts, ...times }: LoginPolicy, factor: number): LedgerLimits => ({
  total: { ...times, max: maxAttempts * factor },
  pair: { ...times, max: maxAttempts },
});

/** Ten pairs' worth of failures: guesses from many networks, each too few to lock its pair. */
export const identifierLimits = (policy: LoginPolicy): LedgerLimits => limits(policy, 10);

/** Twenty pairs' worth: one network may try many names, because a whole office may share an address. */
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
  // That its lock ends would tell a stranger that the address has an owner.
  keepsTotal: true,
};

/**
 * Wrong codes from one network, for all addresses together: who has many mailboxes to guess at gets no more guesses. A
 * whole office mistypes less often, and its people can use the links.
 */
export const networkCodeLimits = (network: string): LedgerLimits => {
  const limit = { max: 50 * shareOf(network), windowMs: dayMs, lockMs: dayMs };
  return { total: limit, pair: limit };
};

/** One attempt in a ledger; `networks` are its pairs in an identifier's ledger, and none in a network's. */
export type Entry = {
  readonly ticket: string;
  readonly networks: readonly string[];
  readonly challenge?: Challenge;
};

const pairLimit = ({ pair }: LedgerLimits, network: string): Limit => ({
  ...pair,
  max: pair.max * shareOf(network),
});

/**
 * The ledger as it stands at `nowMs`, without what no longer counts. A locked total drops its pairs, because their
 * locks end earlier; so a ledger never holds the pairs of more attempts than its total's `max`.
 */
export const advanceLedger = ({ total, pairs }: Ledger, nowMs: number, limit: LedgerLimits): Ledger => {
  const totalNow = advance(total, nowMs, limit.total);
  if (totalNow.lockedUntilMs > nowMs) return { total: totalNow, pairs: emptyLedger.pairs };
  const pairsNow = [...pairs]
    .map(([network, attempts]) => [network, advance(attempts, nowMs, pairLimit(limit, network))] as const)
    .filter(([, attempts]) => !isBlank(attempts, nowMs));
  return { total: totalNow, pairs: new Map(pairsNow) };
};

const strictness = { admitted: 0, full: 1, challenged: 2, locked: 3 } as const satisfies Record<
  Verdict['kind'],
  number
>;

/** The stricter of two verdicts decides. */
export const stricter = (a: Verdict, b: Verdict): Verdict => {
  if (a.kind !== b.kind) return strictness[a.kind] > strictness[b.kind] ? a : b;
  if (a.kind === 'admitted' || b.kind === 'admitted') return a.kind === 'admitted' && a.isDoubtful ? a : b;
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

/**
 * Reserves in the total and in every pair, or in none. `fullPair`: the network whose places are taken, while the total has
 * some left.
 */
export const reserveInLedger = (
  ledger: Ledger,
  { ticket, networks, challenge = null }: Entry,
  nowMs: number,
  limit: LedgerLimits,
): { ledger: Ledger; verdict: Verdict; fullPair: string | null } => {
  const current = advanceLedger(ledger, nowMs, limit);
  const ofTotal = judge(current.total, nowMs, limit.total, challenge);
  const ofPairs = networks.map((network) =>
    judge(current.pairs.get(network) ?? noAttempts, nowMs, pairLimit(limit, network), challenge),
  );
  const verdict = ofPairs.reduce(stricter, ofTotal);
  const fullPair =
    ofTotal.kind === 'full' ? null : (networks.find((_, index) => ofPairs[index]?.kind === 'full') ?? null);
  if (verdict.kind !== 'admitted') return { ledger: current, verdict, fullPair };
  return {
    ledger: {
      total: reserve(current.total, ticket, nowMs),
      pairs: withPairs(current.pairs, networks, (attempts) => reserve(attempts, ticket, nowMs)),
    },
    verdict,
    fullPair,
  };
};

/**
 * A success clears only the pair of its narrowest network. If it cleared the total too, an attacker's own account would
 * wipe out the failures of their network at other accounts, and the owner's logins those of an attacker elsewhere.
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

/** Forgets the failures and locks of those networks and, as the limits say, of all together; attempts in flight count on. */
export const forgiveLedger = (
  ledger: Ledger,
  networks: readonly string[],
  nowMs: number,
  limit: LedgerLimits,
): Ledger => {
  const { total, pairs } = advanceLedger(ledger, nowMs, limit);
  const kept = [...pairs].map(
    ([network, attempts]) => [network, networks.includes(network) ? clear(attempts) : attempts] as const,
  );
  return advanceLedger(
    { total: limit.keepsTotal ? total : clear(total), pairs: new Map(kept) },
    nowMs,
    limit,
  );
};

/** Whether the entry's total or one of its pairs is locked. */
export const lockOf = (ledger: Ledger, { networks }: Entry, nowMs: number): 'total' | 'pair' | null => {
  if (ledger.total.lockedUntilMs > nowMs) return 'total';
  return networks.some((network) => (ledger.pairs.get(network)?.lockedUntilMs ?? 0) > nowMs) ? 'pair' : null;
};

export const isBlankLedger = ({ total, pairs }: Ledger, nowMs: number): boolean =>
  pairs.size === 0 && isBlank(total, nowMs);
