import type { RequestContext } from '../../context.ts';
import { assertDone } from '../../refusals.ts';
import type { UserRepository } from '../../repositories/users.ts';

type Deps = { readonly users: Pick<UserRepository, 'endSessions'> };

/** Logs an account out everywhere. @throws AppError `not_found`, `forbidden` and what ends a session */
export const createEndUserSessions =
  ({ users }: Deps) =>
  async (ctx: RequestContext, id: string): Promise<void> =>
    assertDone(await users.endSessions(ctx, id));
