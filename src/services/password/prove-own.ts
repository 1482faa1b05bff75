import type { PasswordHasher, ProvenOwner, RequestContext } from '../../context.ts';
import type { LoginOutcome } from '../../domain/login-attempts.ts';
import type { LoginGuard } from '../../domain/login-ledger.ts';
import { AppError } from '../../errors.ts';
import type { CredentialRepository } from '../../repositories/credentials.ts';

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'findOwn'>;
  readonly guard: LoginGuard;
  readonly hasher: Pick<PasswordHasher, 'verify'>;
};

/**
 * Checks the actor's own password before something that a stolen session must not do (OWASP ASVS 5.0, 7.5.1).
 * It counts with the logins of the account: else a session would be a way around the login guard.
 * @throws AppError `session_revoked`, `account_disabled`, `invalid_credentials`, `login_locked`, `overloaded`
 */
export const createProveOwnPassword =
  ({ credentials, guard, hasher }: Deps) =>
  async (ctx: RequestContext, password: string): Promise<ProvenOwner> => {
    const own = await credentials.findOwn(ctx);
    if (own.refusal !== null) throw new AppError(own.refusal);
    const { email, username, passwordHash } = own.credential;

    const attempt = await guard.reserve(email, ctx.network);
    if (!attempt.admitted)
      throw new AppError('login_locked', { retryAfterSeconds: attempt.retryAfterSeconds });
    const settle = (outcome: LoginOutcome) => ctx.defer('settle the login attempt', attempt.settle(outcome));
    const { valid } = await hasher.verify(password, passwordHash).catch((error: unknown) => {
      settle('withdrawn');
      throw error;
    });
    settle(valid ? 'succeeded' : 'failed');
    if (!valid || passwordHash === null) throw new AppError('invalid_credentials');
    return { email, username, passwordHash };
  };
