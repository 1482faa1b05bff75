import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { UserRepository } from '../sql/users.ts';

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
  async (ctx: PermittedContext, id: string, ifMatch: readonly string[] | null): Promise<void> => {
    const outboxId = newId(ctx.now);
    assertDone(await users.remove(ctx, id, { ifMatch, outboxId }));
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
  };
