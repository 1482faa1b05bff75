import type { RequestContext } from '../../context.ts';
import type { TokenPurpose } from '../../domain/one-time-token.ts';
import { AppError } from '../../errors.ts';
import type { EmailAddressRepository } from '../../repositories/email-addresses.ts';

type Deps = {
  readonly addresses: Pick<EmailAddressRepository, 'restore'>;
  readonly readToken: (
    token: string,
    purposes: readonly TokenPurpose[],
  ) => Promise<{ readonly id: string } | null>;
};

/**
 * Undoes a change of address, by the token that went to the old one.
 * @throws AppError `token_invalid` for what is unknown, used or expired alike; `email_taken`
 */
export const createRestoreEmail =
  ({ addresses, readToken }: Deps) =>
  async (ctx: RequestContext, token: string): Promise<void> => {
    const read = await readToken(token, ['restore_email']);
    const outcome = read ? await addresses.restore(ctx, read.id) : 'void';
    if (outcome === 'void') throw new AppError('token_invalid');
    if (outcome === 'email_taken') throw new AppError('email_taken');
  };
