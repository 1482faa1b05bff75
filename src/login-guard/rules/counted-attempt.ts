import type { LoginOutcome } from './login-attempts.ts';
import type { LockedBy, LoginAttempt } from './login-ledger.ts';

/** Of a request: when it has to end, and what goes on after it. */
type Ending = {
  readonly signal: AbortSignal;
  readonly defer: (name: string, work: Promise<unknown>) => void;
};

/** An attempt whose outcome the login guard is told after the response, in any case. */
export type CountedAttempt = {
  readonly reservation: Promise<LoginAttempt>;
  /** The first outcome counts. */
  readonly settle: (outcome: LoginOutcome) => void;
  /** The lock that the attempt began; null also where the guard could not be told. */
  readonly began: Promise<LockedBy | null>;
};

/**
 * Sees to it that a reservation is settled, however the request ends. A time-out withdraws it, unless `timedOut` says
 * otherwise: our own failure is not a wrong guess, and must not lock people out.
 */
export const createCountedAttempt = (
  { signal, defer }: Ending,
  reservation: Promise<LoginAttempt>,
  timedOut: () => LoginOutcome = () => 'withdrawn',
): CountedAttempt => {
  const { promise: outcome, resolve: settle } = Promise.withResolvers<LoginOutcome>();
  signal.addEventListener('abort', () => settle(timedOut()), { once: true });
  // From here on and not once it is known: a request that ends early would take its outcome with it.
  const settled = reservation.then(
    (attempt) => (attempt.admitted ? outcome.then(attempt.settle) : null),
    () => null,
  );
  defer('settle the login attempt', settled);
  return { reservation, settle, began: settled.catch(() => null) };
};
