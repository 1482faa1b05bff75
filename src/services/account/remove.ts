import type { ProveOwnPassword, RequestContext } from '../../context.ts';
import type { MailQueue } from '../../domain/outbox.ts';
import { assertDone } from '../../refusals.ts';
import type { OwnAccountRepository } from '../../repositories/own-account.ts';

type Deps = {
  readonly ownAccount: Pick<OwnAccountRepository, 'remove'>;
  readonly proveOwnPassword: ProveOwnPassword;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Deletes the actor's account, with everything personal; the address is told.
 * @throws AppError what `ProveOwnPassword` throws, and `conflict` for the last administrator and for an account that has changed meanwhile
 */
export const createRemoveOwnAccount =
  ({ ownAccount, proveOwnPassword, mailQueue, newId }: Deps) =>
  async (ctx: RequestContext, password: string): Promise<void> => {
    const { passwordHash, updatedAt } = await proveOwnPassword(ctx, password);
    const outboxId = newId(ctx.now);
    assertDone(await ownAccount.remove(ctx, { passwordHash, updatedAt, outboxId }));
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
  };
