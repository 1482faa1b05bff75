import type { RequestContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { UserRepository } from '../sql/users.ts';

type Deps = { readonly users: Pick<UserRepository, 'endSessions'> };

/** Logs an account out everywhere. @throws AppError `not_found`, `forbidden` and what ends a session */
export const createEndUserSessions =
  ({ users }: Deps) =>
  async (ctx: RequestContext, id: string): Promise<void> =>
    assertDone(await users.endSessions(ctx, id));
