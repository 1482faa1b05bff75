import type { ProveOwnPassword, RequestContext } from '../../context.ts';
import { canonicalEmail } from '../../domain/account.ts';
import type { PrepareToken } from '../../domain/one-time-token.ts';
import type { MailQueue } from '../../domain/outbox.ts';

import { AppError } from '../../errors.ts';
import type { EmailAddressRepository } from '../../repositories/email-addresses.ts';

type Deps = {
  readonly addresses: Pick<EmailAddressRepository, 'requestChange'>;
  readonly proveOwnPassword: ProveOwnPassword;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
};

/**
 * Asks a new address to prove itself; nothing changes until it has.
 * @throws AppError what `ProveOwnPassword` throws, and `validation_failed` for the address that the account has
 */
export const createChangeEmail =
  ({ addresses, proveOwnPassword, prepareToken, mailQueue }: Deps) =>
  async (ctx: RequestContext, request: { password: string; email: string }): Promise<void> => {
    const email = canonicalEmail(request.email);
    const own = await proveOwnPassword(ctx, request.password);
    if (own.email === email) {
      throw new AppError('validation_failed', {
        errors: [
          { pointer: '/email', code: 'unchanged', detail: 'this is the address of the account already' },
        ],
      });
    }
    const token = await prepareToken(ctx.now, null);
    const refusal = await addresses.requestChange(ctx, email, token);
    if (refusal !== null) throw new AppError(refusal);
    ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
  };
