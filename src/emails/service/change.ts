import { canonicalEmail } from '../../accounts/rules/account.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { Passwords } from '../../passwords/service.ts';
import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { PrepareToken } from '../rules.ts';
import type { EmailChangeRepository } from '../sql/email-changes.ts';

type Deps = {
  readonly changes: Pick<EmailChangeRepository, 'request'>;
  readonly proveOwnPassword: Passwords['proveOwn'];
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Asks a new address to prove itself, and tells the old one; nothing changes until it has.
 * @throws AppError what `ProveOwnPassword` throws, `validation_failed` for the address that the account has,
 * and `conflict` when the password was changed meanwhile
 */
export const createChangeEmail =
  ({ changes, proveOwnPassword, prepareToken, mailQueue, newId }: Deps) =>
  async (ctx: SessionContext, request: { password: string; email: string }): Promise<void> => {
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
    const noticeId = newId(ctx.now);
    const { passwordHash } = own;
    const refusal = await changes.request(ctx, { email, passwordHash, token, noticeId });
    if (refusal !== null) throw new AppError(refusal);
    ctx.defer('hand mails over', mailQueue.enqueue([token.outboxId, noticeId]));
  };
