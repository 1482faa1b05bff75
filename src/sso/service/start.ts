import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { Metrics } from '../../platform/rules/metrics.ts';
import type { Attempt, IdentityProvider } from '../rules/identity.ts';
import { readReturnAddress } from '../rules/return-address.ts';

type Deps = {
  readonly providers: ReadonlyMap<string, IdentityProvider>;
  readonly seal: (attempt: Attempt, now: Date) => Promise<string>;
  /** Text that nobody can guess. */
  readonly newSecret: () => string;
  readonly returnPolicy: { readonly origins: ReadonlySet<string>; readonly base: string };
  /** Where a login leads that was not told where to. */
  readonly home: string;
  readonly metrics: Metrics;
};

export type SignOnStart = { readonly location: string; readonly sealed: string };

/**
 * Sends somebody to a provider. Nothing is stored: what the way back needs is sealed for the browser to keep.
 * @throws AppError `not_found`, `validation_failed`, `service_unavailable`
 */
export const createStartSignOn =
  ({ providers, seal, newSecret, returnPolicy, home, metrics }: Deps) =>
  async (
    ctx: RequestContext,
    { providerId, returnTo }: { providerId: string; returnTo: string | null },
  ): Promise<SignOnStart> => {
    const provider = providers.get(providerId);
    if (!provider) throw new AppError('not_found');
    const address = readReturnAddress(returnTo ?? home, returnPolicy);
    if (address === null) {
      const detail = 'must be a path of this service, or an address at one of its sites';
      throw new AppError('validation_failed', {
        errors: [{ pointer: '/return_to', code: 'not_allowed', detail }],
      });
    }
    const attempt: Attempt = {
      provider: provider.id,
      state: newSecret(),
      nonce: newSecret(),
      codeVerifier: newSecret(),
      returnTo: address,
    };
    const counted = (outcome: string) =>
      metrics.count('itsor_oauth_total', { provider: provider.id, outcome });
    try {
      const [location, sealed] = await Promise.all([
        provider.authorizationUrl(ctx, attempt),
        seal(attempt, ctx.now),
      ]);
      counted('started');
      return { location, sealed };
    } catch (error) {
      counted(error instanceof AppError ? error.code : 'internal_error');
      throw error;
    }
  };
