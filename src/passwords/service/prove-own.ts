import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { hashCaller } from '../rules/hash-lane.ts';
import type { PasswordHasher } from '../rules/password-hasher.ts';
import type { CredentialRepository } from '../sql.ts';
import type { VerifyPassword } from './verify.ts';

/** The actor, once the password of the account has been proved too. */
export type ProvenOwner = {
  readonly userId: string;
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
  /** As it was when the password was read: what is done by its proof may rely on nothing having changed since. */
  readonly updatedAt: Date;
};

/** @throws AppError `session_revoked`, `account_disabled`, `invalid_credentials`, `login_locked`, `overloaded` */
export type ProveOwnPassword = (ctx: SessionContext, password: string) => Promise<ProvenOwner>;

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'findOwn'>;
  readonly verifyPassword: VerifyPassword;
  readonly hasher: Pick<PasswordHasher, 'refuseIfFull'>;
  /** @throws AppError `rate_limited` once the account has used up its attempts */
  readonly spendAttempt: (ctx: SessionContext, userId: string) => Promise<void>;
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
