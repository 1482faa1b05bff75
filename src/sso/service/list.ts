import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { LinkedIdentity } from '../rules/identity.ts';
import type { IdentityRepository } from '../sql/identities.ts';

/** An identity under the name that people know it by. */
export type NamedIdentity = LinkedIdentity & { readonly name: string };

type Deps = {
  readonly identities: Pick<IdentityRepository, 'listOwn'>;
  /** The names of the providers, by their issuers. */
  readonly names: ReadonlyMap<string, string>;
};

/** The actor's identities at providers, oldest first. @throws AppError `session_revoked`, `account_disabled` */
export const createListIdentities =
  ({ identities, names }: Deps) =>
  async (ctx: SessionContext): Promise<readonly NamedIdentity[]> => {
    const found = await identities.listOwn(ctx);
    if (found.refusal !== null) throw new AppError(found.refusal);
    return found.identities.map((identity) => ({
      ...identity,
      // A provider that is no longer configured has no other name.
      name: names.get(identity.issuer) ?? URL.parse(identity.issuer)?.host ?? identity.issuer,
    }));
  };
