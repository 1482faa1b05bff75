import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import { permissions } from '../../platform/rules/permissions.ts';
import type { RoleRepository } from '../sql.ts';

export type PermissionEntry = { readonly name: string; readonly description: string };

type Deps = { readonly roles: Pick<RoleRepository, 'authorize'> };

/** Everything that a role can allow. @throws AppError `forbidden` and what ends a session */
export const createListPermissions =
  ({ roles }: Deps) =>
  async (ctx: PermittedContext): Promise<readonly PermissionEntry[]> => {
    assertDone(await roles.authorize(ctx));
    return Object.entries(permissions).map(([name, { description }]) => ({ name, description }));
  };
