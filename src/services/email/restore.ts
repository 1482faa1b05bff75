import type { RequestContext } from '../../context.ts';
import type { TokenPurpose } from '../../domain/one-time-token.ts';
import { AppError } from '../../errors.ts';
import type { EmailChangeRepository } from '../../repositories/email-changes.ts';

type Deps = {
  readonly changes: Pick<EmailChangeRepository, 'restore'>;
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
  ({ changes, readToken }: Deps) =>
  async (ctx: RequestContext, token: string): Promise<void> => {
    const read = await readToken(token, ['restore_email']);
    const outcome = read && (await changes.restore(ctx, read.id));
    if (!outcome || outcome.kind === 'void') throw new AppError('token_invalid');
    if (outcome.kind === 'email_taken') throw new AppError('email_taken');
  };
