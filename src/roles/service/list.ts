import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type { Role } from '../rules/role.ts';
import type { RoleRepository } from '../sql.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'list'> };

/** A page of roles in the order of their names. @throws AppError `forbidden` and what ends a session */
export const createListRoles =
  ({ roles }: Deps) =>
  async (ctx: PermittedContext, { cursor, limit }: PageRequest): Promise<Page<Role>> => {
    const found = await roles.list(ctx, { after: cursor, limit: limit + 1 });
    assertDone(found.refusal);
    return pageOf(found.roles, limit, ({ name }) => name);
  };
