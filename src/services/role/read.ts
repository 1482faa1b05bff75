import type { RequestContext } from '../../context.ts';
import type { Role } from '../../domain/role.ts';
import { AppError } from '../../errors.ts';
import { assertDone } from '../../refusals.ts';
import type { RoleRepository } from '../../repositories/roles.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'find'> };

/** @throws AppError `not_found`, `forbidden` and what ends a session */
export const createReadRole =
  ({ roles }: Deps) =>
  async (ctx: RequestContext, name: string): Promise<Role> => {
    const { refusal, role } = await roles.find(ctx, name);
    assertDone(refusal);
    if (!role) throw new AppError('not_found');
    return role;
  };
