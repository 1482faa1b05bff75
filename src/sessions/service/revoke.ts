import type { RequestContext } from '../../platform/context.ts';
import type { AccessVerdict } from '../../platform/rules/access-token.ts';
import type { RefreshClaim } from '../rules/refresh-token.ts';
import type { SessionRepository } from '../sql/sessions.ts';

type Deps = {
  readonly sessions: Pick<SessionRepository, 'end'>;
  readonly verifyAccessToken: (token: string, now: Date) => Promise<AccessVerdict>;
  readonly readRefreshToken: (token: string) => Promise<RefreshClaim | null>;
};

/** Ends the session of a token of either kind (RFC 7009 section 2.1); an unknown token is not an error. */
export const createRevoke =
  ({ sessions, verifyAccessToken, readRefreshToken }: Deps) =>
  async (ctx: RequestContext, token: string): Promise<void> => {
    const refresh = await readRefreshToken(token);
    if (refresh) return sessions.end(ctx, refresh);
    const access = await verifyAccessToken(token, ctx.now);
    if (access.kind === 'invalid') return;
    await sessions.end(ctx, { sessionId: access.claims.sessionId, counter: null });
  };
