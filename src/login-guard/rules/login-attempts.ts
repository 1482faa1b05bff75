import { stillCounting } from '../../platform/rules/sliding-window.ts';

/** `withdrawn`: no password was compared (the database failed, the hash queue was full). */
export type LoginOutcome = 'succeeded' | 'failed' | 'withdrawn';

/** How long an attempt may stay unsettled before it counts as failed. */
export const settlementMs = 10_000;

export type Limit = { readonly max: number; readonly windowMs: number; readonly lockMs: number };

/**
 * One counter: failures, attempts in flight, and the lock that `max` failures within the window bring.
 * Attempts are dated by their reservation, so a slow hash postpones nothing.
 */
export type Attempts = {
  readonly failedAtMs: readonly number[];
  readonly pending: readonly { readonly ticket: string; readonly atMs: number }[];
  readonly lockedUntilMs: number;
};

export const noAttempts: Attempts = { failedAtMs: [], pending: [], lockedUntilMs: 0 };

/**
 * What an attempt brings along where doubtful attempts need a challenge: a token, which is not verified yet, or none.
 * Null where no attempt needs one.
 */
export type Challenge = 'offered' | 'missing' | null;

/**
 * Half of the failures that lock, rounded up: 3 of 5. A person may mistype a password twice without a challenge, and a
 * program meets one before it has locked anybody out.
 */
const doubtfulFrom = ({ max }: Limit): number => Math.ceil(max / 2);

export type Verdict =
  /** `isDoubtful`: its token has to be verified before the password is compared. */
  | { readonly kind: 'admitted'; readonly isDoubtful?: true }
  /** It needs a token and brings none; with one it may come again at once. */
  | { readonly kind: 'challenged'; readonly retryAfterMs: 0 }
  /** Attempts in flight have taken all places, and their outcomes decide. */
  | { readonly kind: 'full'; readonly retryAfterMs: number }
  | { readonly kind: 'locked'; readonly retryAfterMs: number };

/** The counter as it stands at `nowMs`; every other function here expects one that stands at its `nowMs`. */
export const advance = (attempts: Attempts, nowMs: number, { max, windowMs, lockMs }: Limit): Attempts => {
  // After a clock that went back, a lock ends no later than lockMs from now.
  const lockedUntilMs = Math.min(attempts.lockedUntilMs, nowMs + lockMs);
  if (lockedUntilMs > nowMs) return { ...noAttempts, lockedUntilMs };

  const pending = attempts.pending.map(({ ticket, atMs }) => ({ ticket, atMs: Math.min(atMs, nowMs) }));
  const overdue = pending.filter(({ atMs }) => atMs + settlementMs <= nowMs);
  const failedAtMs = [...attempts.failedAtMs, ...overdue.map(({ atMs }) => atMs)].sort((a, b) => a - b);

  // Judged at the newest failure, because a lock begins even if no attempt comes at that moment.
  const newestMs = Math.min(failedAtMs.at(-1) ?? 0, nowMs);
  if (stillCounting(failedAtMs, newestMs, windowMs).length >= max) {
    return { ...noAttempts, lockedUntilMs: newestMs + lockMs };
  }
  return {
    failedAtMs: stillCounting(failedAtMs, nowMs, windowMs),
    pending: pending.filter((one) => !overdue.includes(one)),
    lockedUntilMs: 0,
  };
};

export const judge = (
  { failedAtMs, pending, lockedUntilMs }: Attempts,
  nowMs: number,
  limit: Limit,
  challenge: Challenge = null,
): Verdict => {
  if (lockedUntilMs > nowMs) return { kind: 'locked', retryAfterMs: lockedUntilMs - nowMs };
  const taken = failedAtMs.length + pending.length;
  const isDoubtful = challenge !== null && taken >= doubtfulFrom(limit);
  if (!isDoubtful && taken < limit.max) return { kind: 'admitted' };
  if (challenge === 'missing' && failedAtMs.length >= doubtfulFrom(limit))
    return { kind: 'challenged', retryAfterMs: 0 };
  if (challenge === 'offered' && taken < limit.max) return { kind: 'admitted', isDoubtful: true };
  // Without a token an attempt waits for those in flight, so that parallel guesses get no more places than others.
  const oldestMs = pending[0]?.atMs ?? nowMs;
  return { kind: 'full', retryAfterMs: oldestMs + settlementMs - nowMs };
};

export const reserve = (attempts: Attempts, ticket: string, nowMs: number): Attempts => ({
  ...attempts,
  pending: [...attempts.pending, { ticket, atMs: nowMs }],
});

/** A success gives back its own reservation, no more. A ticket that is unknown or overdue changes nothing. */
export const settle = (
  attempts: Attempts,
  ticket: string,
  outcome: LoginOutcome,
  nowMs: number,
  limit: Limit,
): Attempts => {
  const own = attempts.pending.find((one) => one.ticket === ticket);
  if (own === undefined) return attempts;
  const pending = attempts.pending.filter((one) => one !== own);
  if (outcome !== 'failed') return { ...attempts, pending };
  return advance({ ...attempts, pending, failedAtMs: [...attempts.failedAtMs, own.atMs] }, nowMs, limit);
};

/** Forgets the failures and the lock; attempts still in flight go on counting. */
export const clear = ({ pending }: Attempts): Attempts => ({ ...noAttempts, pending });

export const isBlank = ({ failedAtMs, pending, lockedUntilMs }: Attempts, nowMs: number): boolean =>
  failedAtMs.length === 0 && pending.length === 0 && lockedUntilMs <= nowMs;
