import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { RoleRepository } from '../sql.ts';

type Deps = { readonly roles: Pick<RoleRepository, 'remove'> };

/**
 * Deletes a role that no account has.
 * @throws AppError `not_found`, `precondition_failed`, `forbidden`, `conflict` for a role that is in use or built in, and
 * what ends a session
 */
export const createRemoveRole =
  ({ roles }: Deps) =>
  async (ctx: PermittedContext, name: string, ifMatch: readonly string[] | null): Promise<void> =>
    assertDone(await roles.remove(ctx, name, ifMatch));
