import type { RequestContext } from '../../context.ts';
import type { AccessVerdict } from '../../domain/access-token.ts';
import type { RefreshClaim } from '../../domain/refresh-token.ts';
import type { LogoutScope } from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { SessionProof, SessionRepository } from '../../repositories/sessions.ts';

type Deps = {
  readonly sessions: Pick<SessionRepository, 'end'>;
  readonly readRefreshToken: (token: string) => Promise<RefreshClaim | null>;
};

/** What a request carries: the verdict on its access token, and a refresh token as it came. */
export type PresentedTokens = { readonly access: AccessVerdict; readonly refresh: string | null };

/**
 * Ends the session that the tokens prove, or more of the account's; without such a session it does nothing.
 * An expired access token is enough to end its own session and no other.
 * @throws AppError `token_expired` where only an expired access token asks for more than its own session
 */
export const createLogout = ({ sessions, readRefreshToken }: Deps) => {
  const prove = async (
    { access, refresh: token }: PresentedTokens,
    scope: LogoutScope,
  ): Promise<SessionProof | null> => {
    if (access.kind === 'valid') return { sessionId: access.claims.sessionId, counter: null };
    const refresh = token === null ? null : await readRefreshToken(token);
    if (refresh) return refresh;
    if (access.kind !== 'expired') return null;
    if (scope !== 'local') throw new AppError('token_expired');
    return { sessionId: access.claims.sessionId, counter: null };
  };

  return async (ctx: RequestContext, tokens: PresentedTokens, scope: LogoutScope): Promise<void> => {
    const proof = await prove(tokens, scope);
    if (proof) await sessions.end(ctx, proof, scope);
  };
};
