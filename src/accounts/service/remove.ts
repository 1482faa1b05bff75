import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { Passwords } from '../../passwords/service.ts';
import type { SessionContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { OwnAccountRepository } from '../sql/own-account.ts';

type Deps = {
  readonly ownAccount: Pick<OwnAccountRepository, 'remove'>;
  readonly proveOwnPassword: Passwords['proveOwn'];
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Deletes the actor's account, with everything personal; the address is told.
 * @throws AppError what `ProveOwnPassword` throws, and `conflict` for the last administrator and for an account that has changed meanwhile
 */
export const createRemoveOwnAccount =
  ({ ownAccount, proveOwnPassword, mailQueue, newId }: Deps) =>
  async (ctx: SessionContext, password: string): Promise<void> => {
    const { passwordHash, updatedAt } = await proveOwnPassword(ctx, password);
    const outboxId = newId(ctx.now);
    assertDone(await ownAccount.remove(ctx, { passwordHash, updatedAt, outboxId }));
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
  };
