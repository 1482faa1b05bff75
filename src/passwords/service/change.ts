import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { IssuedTokens, IssueTokens, SessionPolicy } from '../../sessions/rules/session.ts';
import { hashCaller } from '../rules/hash-lane.ts';
import type { PasswordHasher } from '../rules/password-hasher.ts';
import type { CredentialRepository } from '../sql.ts';
import type { CheckPassword } from './check.ts';
import type { ProveOwnPassword } from './prove-own.ts';

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'change'>;
  readonly proveOwnPassword: ProveOwnPassword;
  readonly checkPassword: CheckPassword;
  readonly hasher: Pick<PasswordHasher, 'hash'>;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Replaces the actor's password and ends all sessions; the owner is told by e-mail.
 * @returns the tokens of the session that the actor goes on in
 * @throws AppError what `ProveOwnPassword` throws, `weak_password`, and `conflict` when the password was changed meanwhile
 */
export const createChangePassword =
  ({
    credentials,
    proveOwnPassword,
    checkPassword,
    hasher,
    issueTokens,
    sessionPolicy,
    mailQueue,
    newId,
  }: Deps) =>
  async (ctx: SessionContext, request: { current: string; next: string }): Promise<IssuedTokens> => {
    const { userId, email, username, passwordHash } = await proveOwnPassword(ctx, request.current);
    const caller = hashCaller(ctx, 'session', userId);
    await checkPassword(ctx, {
      caller,
      password: request.next,
      email,
      username,
      current: request.current,
      member: 'new_password',
    });
    const outboxId = newId(ctx.now);
    const hash = await hasher.hash(request.next, caller);
    const opened = await credentials.change(ctx, passwordHash, { hash, outboxId }, sessionPolicy);
    if (!opened) throw new AppError('conflict');
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
    return issueTokens(opened, ctx.now);
  };
