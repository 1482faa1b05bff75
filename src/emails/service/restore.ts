import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { TokenPurpose } from '../rules.ts';
import type { EmailChangeRepository } from '../sql/email-changes.ts';

type Deps = {
  readonly changes: Pick<EmailChangeRepository, 'restore'>;
  readonly readToken: (
    token: string,
    purposes: readonly TokenPurpose[],
  ) => Promise<{ readonly id: string } | null>;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Undoes a change of address, by the token that went to the old one. From then on the same token sets a password, as
 * one of a reset link does; the address that the account leaves is told.
 * @throws AppError `token_invalid` for what is unknown, used or expired alike; `email_taken`
 */
export const createRestoreEmail =
  ({ changes, readToken, mailQueue, newId }: Deps) =>
  async (ctx: RequestContext, token: string): Promise<void> => {
    const read = await readToken(token, ['restore_email']);
    const noticeId = newId(ctx.now);
    const outcome = read && (await changes.restore(ctx, read.id, noticeId));
    if (!outcome || outcome.kind === 'void') throw new AppError('token_invalid');
    if (outcome.kind === 'email_taken') throw new AppError('email_taken');
    ctx.defer('hand a mail over', mailQueue.enqueue([noticeId]));
  };
