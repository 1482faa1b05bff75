import type { PasswordHasher, VerifyPassword } from '../../context.ts';
import { hashCaller } from '../../domain/hash-lane.ts';
import type { LoginOutcome } from '../../domain/login-attempts.ts';
import type { LoginGuard } from '../../domain/login-ledger.ts';
import { AppError } from '../../errors.ts';
import type { AuditRepository } from '../../repositories/audit.ts';

type Deps = {
  readonly guard: LoginGuard;
  readonly hasher: Pick<PasswordHasher, 'verify'>;
  readonly audit: Pick<AuditRepository, 'recordFailedLogin'>;
};

const settledValue = <T>(settled: PromiseSettledResult<T>): T => {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
};

/**
 * Compares a password as one counted attempt. The attempt is reserved before the hash, so that parallel guesses
 * cannot outrun the count, and beside the look-up, so that it costs no time of its own. An account that was not
 * found costs the same work (OWASP ASVS 5.0, 6.3.8).
 */
export const createVerifyPassword =
  ({ guard, hasher, audit }: Deps): VerifyPassword =>
  async (ctx, identifier, password, lookUp) => {
    const { actor } = ctx;
    const caller = actor ? hashCaller(ctx, 'session', actor.userId) : hashCaller(ctx, 'login', identifier);
    const { promise: outcome, resolve: settle } = Promise.withResolvers<LoginOutcome>();
    // Our own failure is not a wrong guess: neither an outage nor a time-out may lock people out.
    const withdraw = () => settle('withdrawn');
    ctx.signal.addEventListener('abort', withdraw, { once: true });

    const reservation = guard.reserve(identifier, ctx.network);
    // From here on and not once it is known: a request that ends early would take its outcome with it.
    const settled = reservation.then(
      (attempt) => (attempt.admitted ? outcome.then(attempt.settle) : null),
      () => null,
    );
    ctx.defer('settle the login attempt', settled);
    try {
      const [reserved, looked] = await Promise.allSettled([reservation, lookUp]);
      const attempt = settledValue(reserved);
      if (!attempt.admitted) {
        throw new AppError('login_locked', { retryAfterSeconds: attempt.retryAfterSeconds });
      }
      const found = settledValue(looked);
      const { valid, outdated } = await hasher.verify(password, found?.passwordHash ?? null, caller);
      settle(valid ? 'succeeded' : 'failed');
      if (valid && found) return { valid: true, outdated, found };
      // For an account and for none alike, and not before the answer: its time would tell them apart.
      const record = async () =>
        audit.recordFailedLogin(ctx, {
          subjectId: found?.userId ?? null,
          lockedBy: await settled.catch(() => null),
        });
      ctx.defer('record a failed login', record());
      return { valid: false };
    } catch (error) {
      withdraw();
      throw error;
    }
  };
