import type { RequestContext } from '../../context.ts';
import type { MailQueue } from '../../domain/outbox.ts';
import { assertDone } from '../../refusals.ts';
import type { UserRepository } from '../../repositories/users.ts';

type Deps = {
  readonly users: Pick<UserRepository, 'remove'>;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Deletes an account, with everything personal; its address is told.
 * @throws AppError `not_found`, `precondition_failed`, `forbidden`, `conflict` for one's own account and for the last
 * administrator, and what ends a session
 */
export const createRemoveUser =
  ({ users, mailQueue, newId }: Deps) =>
  async (ctx: RequestContext, id: string, ifMatch: readonly string[] | null): Promise<void> => {
    const outboxId = newId(ctx.now);
    assertDone(await users.remove(ctx, id, { ifMatch, outboxId }));
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
  };
