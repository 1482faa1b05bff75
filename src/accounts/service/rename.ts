import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Account, withPasswordAge } from '../rules/account.ts';
import type { OwnAccountRepository } from '../sql/own-account.ts';

type Deps = {
  readonly ownAccount: Pick<OwnAccountRepository, 'rename'>;
  readonly passwordMaxAgeDays: number | null;
};

/** Sets the actor's user name; null takes it away. @throws AppError `username_taken`, `session_revoked`, `account_disabled` */
export const createRename =
  ({ ownAccount, passwordMaxAgeDays }: Deps) =>
  async (ctx: SessionContext, username: string | null): Promise<Account> => {
    const renamed = await ownAccount.rename(ctx, username);
    if (renamed.refusal !== null) throw new AppError(renamed.refusal);
    return withPasswordAge(renamed.account, passwordMaxAgeDays, ctx.now);
  };
