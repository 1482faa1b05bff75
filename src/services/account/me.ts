import type { RequestContext } from '../../context.ts';
import { type Account, withPasswordAge } from '../../domain/account.ts';
import { AppError } from '../../errors.ts';
import type { AccountRepository } from '../../repositories/accounts.ts';

type Deps = {
  readonly accounts: Pick<AccountRepository, 'findOwn'>;
  readonly passwordMaxAgeDays: number | null;
};

/** @throws AppError `session_revoked`, `account_disabled` */
export const createMe =
  ({ accounts, passwordMaxAgeDays }: Deps) =>
  async (ctx: RequestContext): Promise<Account> => {
    const own = await accounts.findOwn(ctx);
    if (own.refusal !== null) throw new AppError(own.refusal);
    return withPasswordAge(own.account, passwordMaxAgeDays, ctx.now);
  };
