import { type AccountEdit, type ManagedUser, withPasswordAge } from '../../accounts/rules/account.ts';
import type { PermittedContext } from '../../platform/context.ts';
import type { UserRepository } from '../sql/users.ts';
import { doneOf } from './outcome.ts';

type Deps = {
  readonly users: Pick<UserRepository, 'edit'>;
  readonly passwordMaxAgeDays: number | null;
};

/**
 * Changes what is given and nothing else; null where the actor may not read the account. `ifMatch` are the versions for which the edit is meant, null for any.
 * @throws AppError `not_found`, `precondition_failed`, `username_taken`, `validation_failed` for a role that does not exist,
 * `forbidden` for an account or a role that may do more than the actor, `conflict` for one's own access and for the
 * last administrator, and what ends a session
 */
export const createEditUser =
  ({ users, passwordMaxAgeDays }: Deps) =>
  async (
    ctx: PermittedContext,
    id: string,
    edit: AccountEdit,
    ifMatch: readonly string[] | null,
  ): Promise<ManagedUser | null> => {
    const roles = edit.roles && [...new Set(edit.roles)];
    const { account } = doneOf(await users.edit(ctx, id, { ...edit, roles }, ifMatch));
    return account && withPasswordAge(account, passwordMaxAgeDays, ctx.now);
  };
