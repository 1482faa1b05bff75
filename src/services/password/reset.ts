import type { CheckPassword, PasswordHasher, RequestContext } from '../../context.ts';
import { identifiersOf } from '../../domain/account.ts';
import { hashCaller } from '../../domain/hash-lane.ts';
import type { LoginGuard } from '../../domain/login-ledger.ts';
import { settingLinks, type TokenPurpose } from '../../domain/one-time-token.ts';
import type { MailQueue } from '../../domain/outbox.ts';
import { AppError } from '../../errors.ts';
import type { CredentialRepository } from '../../repositories/credentials.ts';

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'findForReset' | 'reset'>;
  readonly readToken: (
    token: string,
    purposes: readonly TokenPurpose[],
  ) => Promise<{ readonly id: string } | null>;
  readonly checkPassword: CheckPassword;
  readonly hasher: Pick<PasswordHasher, 'hash' | 'verify'>;
  readonly guard: Pick<LoginGuard, 'forgive'>;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Sets a password by the token of a mail, also for an account that had none, and ends all sessions. Who has guessed
 * wrongly before may log in at once.
 * @throws AppError `token_invalid` for what is unknown, used or expired alike; `weak_password`, and then the token stays good
 */
export const createResetPassword =
  ({ credentials, readToken, checkPassword, hasher, guard, mailQueue, newId }: Deps) =>
  async (ctx: RequestContext, { token, password }: { token: string; password: string }): Promise<void> => {
    const read = await readToken(token, settingLinks);
    const owner = read && (await credentials.findForReset(ctx, read.id));
    if (!owner) throw new AppError('token_invalid');
    const { email, username, passwordHash } = owner;
    const caller = hashCaller(ctx, 'reset', email);
    const unchanged = passwordHash !== null && (await hasher.verify(password, passwordHash, caller)).valid;
    await checkPassword(ctx, { caller, password, email, username, ...(unchanged && { current: password }) });
    const outboxId = newId(ctx.now);
    const done = await credentials.reset(ctx, read.id, {
      hash: await hasher.hash(password, caller),
      outboxId,
    });
    if (!done) throw new AppError('token_invalid');
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
    ctx.defer('forgive failed logins', guard.forgive(identifiersOf(owner)));
  };
