import type { RequestContext } from '../../context.ts';
import type { Permission } from '../../domain/permissions.ts';
import type { Preconditions } from '../../domain/preconditions.ts';
import type { Role } from '../../domain/role.ts';
import { refusalError } from '../../refusals.ts';
import type { RoleRepository } from '../../repositories/roles.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'put'> };

/**
 * Creates a role, or gives it other permissions.
 * @throws AppError `forbidden` where the role allows, or would, what the actor may not do; `conflict` for the role of the
 * administrators; `precondition_failed`, and what ends a session
 */
export const createPutRole =
  ({ roles }: Deps) =>
  async (
    ctx: RequestContext,
    name: string,
    permissions: readonly Permission[],
    precondition: Preconditions,
  ): Promise<{ role: Role; isNew: boolean }> => {
    const outcome = await roles.put(ctx, name, [...new Set(permissions)].sort(), precondition);
    if (outcome.kind === 'refused') throw refusalError(outcome.refusal);
    return { role: outcome.role, isNew: outcome.kind === 'created' };
  };
