import type { RequestContext } from '../../context.ts';
import { type Page, type PageRequest, pageOf } from '../../domain/page.ts';
import type { Role } from '../../domain/role.ts';
import { assertDone } from '../../refusals.ts';
import type { RoleRepository } from '../../repositories/roles.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'list'> };

/** A page of roles in the order of their names. @throws AppError `forbidden` and what ends a session */
export const createListRoles =
  ({ roles }: Deps) =>
  async (ctx: RequestContext, { cursor, limit }: PageRequest): Promise<Page<Role>> => {
    const found = await roles.list(ctx, { after: cursor, limit: limit + 1 });
    assertDone(found.refusal);
    return pageOf(found.roles, limit, ({ name }) => name);
  };
