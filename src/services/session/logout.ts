import type { RequestContext } from '../../context.ts';
import type { AccessVerdict } from '../../domain/access-token.ts';
import type { RefreshClaim } from '../../domain/refresh-token.ts';
import type { LogoutScope } from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { SessionProof, SessionRepository } from '../../repositories/sessions.ts';

type Deps = {
  readonly sessions: Pick<SessionRepository, 'end'>;
  readonly verifyAccessToken: (token: string, now: Date) => Promise<AccessVerdict>;
  readonly readRefreshToken: (token: string) => Promise<RefreshClaim | null>;
};

/** The tokens that a request carries, whatever they are worth. */
export type PresentedTokens = { readonly access: string | null; readonly refresh: string | null };

/**
 * Ends the session that the tokens prove, or more of the account's; without such a session it does nothing.
 * An expired access token is enough to end its own session and no other.
 * @throws AppError `token_expired` where only an expired access token asks for more than its own session
 */
export const createLogout = ({ sessions, verifyAccessToken, readRefreshToken }: Deps) => {
  const prove = async (
    tokens: PresentedTokens,
    scope: LogoutScope,
    now: Date,
  ): Promise<SessionProof | null> => {
    const access = tokens.access ? await verifyAccessToken(tokens.access, now) : { kind: 'invalid' as const };
    if (access.kind === 'valid') return { sessionId: access.claims.sessionId, counter: null };
    const refresh = tokens.refresh ? await readRefreshToken(tokens.refresh) : null;
    if (refresh) return refresh;
    if (access.kind !== 'expired') return null;
    if (scope !== 'local') throw new AppError('token_expired');
    return { sessionId: access.claims.sessionId, counter: null };
  };

  return async (ctx: RequestContext, tokens: PresentedTokens, scope: LogoutScope): Promise<void> => {
    const proof = await prove(tokens, scope, ctx.now);
    if (proof) await sessions.end(ctx, proof, scope);
  };
};
