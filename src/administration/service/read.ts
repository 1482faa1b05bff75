import { type ManagedUser, withPasswordAge } from '../../accounts/rules/account.ts';
import type { PermittedContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { UserDirectory } from '../sql/user-directory.ts';

type Deps = {
  readonly directory: Pick<UserDirectory, 'find'>;
  readonly passwordMaxAgeDays: number | null;
};

/** @throws AppError `not_found`, `forbidden`, `password_change_required` and what ends a session */
export const createReadUser =
  ({ directory, passwordMaxAgeDays }: Deps) =>
  async (ctx: PermittedContext, id: string): Promise<ManagedUser> => {
    const { refusal, account } = await directory.find(ctx, id);
    assertDone(refusal);
    if (!account) throw new AppError('not_found');
    return withPasswordAge(account, passwordMaxAgeDays, ctx.now);
  };
