import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Account, withPasswordAge } from '../rules/account.ts';
import type { OwnAccountRepository } from '../sql/own-account.ts';

type Deps = {
  readonly ownAccount: Pick<OwnAccountRepository, 'find'>;
  readonly passwordMaxAgeDays: number | null;
};

/** @throws AppError `session_revoked`, `account_disabled` */
export const createMe =
  ({ ownAccount, passwordMaxAgeDays }: Deps) =>
  async (ctx: SessionContext): Promise<Account> => {
    const own = await ownAccount.find(ctx);
    if (own.refusal !== null) throw new AppError(own.refusal);
    return withPasswordAge(own.account, passwordMaxAgeDays, ctx.now);
  };
