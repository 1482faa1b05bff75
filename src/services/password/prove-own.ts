import type { ProveOwnPassword, VerifyPassword } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { CredentialRepository } from '../../repositories/credentials.ts';

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'findOwn'>;
  readonly verifyPassword: VerifyPassword;
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
  ({ credentials, verifyPassword }: Deps): ProveOwnPassword =>
  async (ctx, password) => {
    const own = await credentials.findOwn(ctx);
    if (own.refusal !== null) throw new AppError(own.refusal);
    const { credential } = own;
    if (credential.passwordHash === null) throw new AppError('invalid_credentials', hasNone);
    const verified = await verifyPassword(ctx, credential.email, password, Promise.resolve(credential));
    const { passwordHash } = credential;
    if (!verified.valid || passwordHash === null) throw new AppError('invalid_credentials');
    return { ...credential, passwordHash };
  };
