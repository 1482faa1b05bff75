import type { PermittedContext } from '../../platform/context.ts';
import { refusalError } from '../../platform/refusals.ts';
import type { Permission } from '../../platform/rules/permissions.ts';
import type { Preconditions } from '../../platform/rules/preconditions.ts';
import type { Role } from '../rules/role.ts';
import type { RoleRepository } from '../sql.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'put'> };

/**
 * Creates a role, or gives it other permissions.
 * @throws AppError `forbidden` where the role allows, or would, what the actor may not do; `conflict` for the role of the
 * administrators; `precondition_failed`, and what ends a session
 */
export const createPutRole =
  ({ roles }: Deps) =>
  async (
    ctx: PermittedContext,
    name: string,
    permissions: readonly Permission[],
    precondition: Preconditions,
  ): Promise<{ role: Role; isNew: boolean }> => {
    const outcome = await roles.put(ctx, name, [...new Set(permissions)].sort(), precondition);
    if (outcome.kind === 'refused') throw refusalError(outcome.refusal);
    return { role: outcome.role, isNew: outcome.kind === 'created' };
  };
