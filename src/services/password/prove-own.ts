import type { PasswordHasher, ProveOwnPassword, RequestContext, VerifyPassword } from '../../context.ts';
import { hashCaller } from '../../domain/hash-lane.ts';
import { AppError } from '../../errors.ts';
import type { CredentialRepository } from '../../repositories/credentials.ts';

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'findOwn'>;
  readonly verifyPassword: VerifyPassword;
  readonly hasher: Pick<PasswordHasher, 'refuseIfFull'>;
  /** @throws AppError `rate_limited` once the account has used up its attempts */
  readonly spendAttempt: (ctx: RequestContext, userId: string) => Promise<void>;
};

/** Said to the owner alone. Who logs in by a provider sets a first password by a reset link. */
const hasNone = {
  detail: 'Your account has no password yet: ask for a reset link, set one, and try again.',
};

/**
 * Checks the actor's own password before something that a stolen session must not do (OWASP ASVS 5.0, 7.5.1).
 * It counts with the logins of the account: else a session would be a way around the login guard.
 */
export const createProveOwnPassword =
  ({ credentials, verifyPassword, hasher, spendAttempt }: Deps): ProveOwnPassword =>
  async (ctx, password) => {
    const giveBack = hasher.refuseIfFull(hashCaller(ctx, 'session', ctx.actor?.userId ?? ''));
    try {
      const own = await credentials.findOwn(ctx);
      if (own.refusal !== null) throw new AppError(own.refusal);
      const { credential } = own;
      if (credential.passwordHash === null) throw new AppError('invalid_credentials', hasNone);
      // Beside the guard's count, and only now: a session that has ended must not use up what its owner has.
      const withinBudget = spendAttempt(ctx, credential.userId).then(() => credential);
      const verified = await verifyPassword(ctx, credential.email, password, withinBudget);
      const { passwordHash } = credential;
      if (!verified.valid || passwordHash === null) throw new AppError('invalid_credentials');
      return { ...credential, passwordHash };
    } finally {
      giveBack();
    }
  };
