import type { RequestContext } from '../../platform/context.ts';
import { AppError, type ErrorCode } from '../../platform/errors.ts';
import type { AccessVerdict } from '../../platform/rules/access-token.ts';
import type { RefreshClaim } from '../rules/refresh-token.ts';
import type { LogoutScope, SessionPolicy } from '../rules/session.ts';
import type { SessionRepository } from '../sql/sessions.ts';

type Deps = {
  readonly sessions: Pick<SessionRepository, 'end' | 'endWithOthers'>;
  readonly readRefreshToken: (token: string) => Promise<RefreshClaim | null>;
  readonly sessionPolicy: SessionPolicy;
};

/** What a request carries: the verdict on its access token, and a refresh token as it came. */
export type PresentedTokens = { readonly access: AccessVerdict; readonly refresh: string | null };

/** The caller relies on the other sessions being over, so a logout that ended none has to say so. */
const nothingDone: Partial<Record<ErrorCode, string>> = {
  session_revoked: 'The session has ended already, so nothing was done to the other ones. Log in again.',
  refresh_token_invalid:
    'The refresh token is not the current one of a session, so nothing was done. Log in again.',
  token_expired: 'The access token has expired, so nothing was done. Refresh it and try again.',
  unauthenticated: 'No session was proved, so nothing was done. Log in again.',
};
const undone = (code: ErrorCode): AppError => {
  const detail = nothingDone[code];
  return new AppError(code, detail === undefined ? {} : { detail });
};

const unproved = (isExpired: boolean, refreshToken: string | null): ErrorCode => {
  if (isExpired) return 'token_expired';
  return refreshToken === null ? 'unauthenticated' : 'refresh_token_invalid';
};

/**
 * Ends the session that the tokens prove, or more of the account's. An expired access token is enough to end its own
 * session and no other. Without a live session there is nothing to end of one's own, and no say over others.
 * @throws AppError where more than its own session is asked for and no live session is proved: `session_revoked`,
 * `refresh_token_invalid`, `token_expired`, `unauthenticated`
 */
export const createLogout = ({ sessions, readRefreshToken, sessionPolicy }: Deps) => {
  return async (
    ctx: RequestContext,
    { access, refresh: token }: PresentedTokens,
    scope: LogoutScope,
  ): Promise<void> => {
    const claimed = access.kind === 'invalid' ? null : { sessionId: access.claims.sessionId, counter: null };
    const isGood = access.kind === 'valid' && access.goodUntil > ctx.now;
    const refresh = isGood || token === null ? null : await readRefreshToken(token);
    const proof = isGood ? claimed : refresh;
    if (scope === 'local') {
      const own = proof ?? claimed;
      if (own) await sessions.end(ctx, own);
      return;
    }
    if (!proof) throw undone(unproved(claimed !== null, token));
    const refusal = await sessions.endWithOthers(ctx, proof, scope, sessionPolicy);
    if (refusal !== null) throw undone(refusal);
  };
};
