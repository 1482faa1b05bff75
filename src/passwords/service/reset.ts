import { identifiersOf } from '../../accounts/rules/account.ts';
import { settingLinks, type TokenPurpose } from '../../emails/rules.ts';
import type { LoginGuard } from '../../login-guard/rules/login-ledger.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { hashCaller } from '../rules/hash-lane.ts';
import type { PasswordHasher } from '../rules/password-hasher.ts';
import type { CredentialRepository } from '../sql.ts';
import type { CheckPassword } from './check.ts';

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
