import type { PermittedContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { Role } from '../rules/role.ts';
import type { RoleRepository } from '../sql.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'find'> };

/** @throws AppError `not_found`, `forbidden` and what ends a session */
export const createReadRole =
  ({ roles }: Deps) =>
  async (ctx: PermittedContext, name: string): Promise<Role> => {
    const { refusal, role } = await roles.find(ctx, name);
    assertDone(refusal);
    if (!role) throw new AppError('not_found');
    return role;
  };
