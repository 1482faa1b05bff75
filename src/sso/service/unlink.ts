import type { SessionContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { IdentityRepository } from '../sql/identities.ts';

type Deps = { readonly identities: Pick<IdentityRepository, 'unlink'> };

/**
 * Takes one of the actor's identities away.
 * @throws AppError `session_revoked`, `account_disabled`, `not_found`, `conflict` for the last way to log in
 */
export const createUnlinkIdentity =
  ({ identities }: Deps) =>
  async (ctx: SessionContext, id: string): Promise<void> =>
    assertDone(await identities.unlink(ctx, id));
