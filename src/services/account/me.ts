import type { RequestContext } from '../../context.ts';
import { type Account, withPasswordAge } from '../../domain/account.ts';
import { AppError } from '../../errors.ts';
import type { OwnAccountRepository } from '../../repositories/own-account.ts';

type Deps = {
  readonly ownAccount: Pick<OwnAccountRepository, 'find'>;
  readonly passwordMaxAgeDays: number | null;
};

/** @throws AppError `session_revoked`, `account_disabled` */
export const createMe =
  ({ ownAccount, passwordMaxAgeDays }: Deps) =>
  async (ctx: RequestContext): Promise<Account> => {
    const own = await ownAccount.find(ctx);
    if (own.refusal !== null) throw new AppError(own.refusal);
    return withPasswordAge(own.account, passwordMaxAgeDays, ctx.now);
  };
