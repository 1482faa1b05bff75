import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { UserRepository } from '../sql/users.ts';

type Deps = { readonly users: Pick<UserRepository, 'endSessions'> };

/** Logs an account out everywhere. @throws AppError `not_found`, `forbidden` and what ends a session */
export const createEndUserSessions =
  ({ users }: Deps) =>
  async (ctx: PermittedContext, id: string): Promise<void> =>
    assertDone(await users.endSessions(ctx, id));
