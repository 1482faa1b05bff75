import type { LoginOutcome } from './login-attempts.ts';
import type { LockedBy, LoginAttempt } from './login-ledger.ts';

/** The parts of a request that tell when it has to end and what runs after it. */
type Ending = {
  readonly signal: AbortSignal;
  readonly defer: (name: string, work: Promise<unknown>) => void;
};

/** An attempt whose outcome always reaches the login guard, after the response. */
export type CountedAttempt = {
  readonly reservation: Promise<LoginAttempt>;
  /** The first outcome counts. */
  readonly settle: (outcome: LoginOutcome) => void;
  /** The lock that the attempt began; null also where the guard could not be reached. */
  readonly began: Promise<LockedBy | null>;
};

/**
 * Settles a reservation however the request ends. A time-out withdraws it, unless `timedOut` says otherwise: our own
 * failure is not a wrong guess, and must not lock people out.
 */
export const createCountedAttempt = (
  { signal, defer }: Ending,
  reservation: Promise<LoginAttempt>,
  timedOut: () => LoginOutcome = () => 'withdrawn',
): CountedAttempt => {
  const { promise: outcome, resolve: settle } = Promise.withResolvers<LoginOutcome>();
  signal.addEventListener('abort', () => settle(timedOut()), { once: true });
  // Deferred now, because a request that ends early would take its outcome with it.
  const settled = reservation.then(
    (attempt) => (attempt.admitted ? outcome.then(attempt.settle) : null),
    () => null,
  );
  defer('settle the login attempt', settled);
  return { reservation, settle, began: settled.catch(() => null) };
};
