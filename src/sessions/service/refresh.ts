import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { Metrics } from '../../platform/rules/metrics.ts';
import type { RefreshClaim } from '../rules/refresh-token.ts';
import type { IssuedTokens, IssueTokens, SessionPolicy } from '../rules/session.ts';
import type { SessionRepository } from '../sql/sessions.ts';

type Deps = {
  readonly sessions: Pick<SessionRepository, 'refresh'>;
  readonly readRefreshToken: (token: string) => Promise<RefreshClaim | null>;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly metrics: Pick<Metrics, 'count'>;
};

/**
 * Exchanges a refresh token for its successor.
 * @throws AppError `refresh_token_invalid`, `refresh_token_reused`, `session_revoked`, `account_disabled`, `email_not_verified`
 */
export const createRefresh =
  ({ sessions, readRefreshToken, issueTokens, sessionPolicy, metrics }: Deps) =>
  async (ctx: RequestContext, token: string): Promise<IssuedTokens> => {
    const claim = await readRefreshToken(token);
    const outcome = claim
      ? await sessions.refresh(ctx, claim, sessionPolicy)
      : ({ kind: 'unknown' } as const);
    metrics.count('itsor_refreshes_total', { outcome: outcome.kind });
    switch (outcome.kind) {
      case 'refreshed':
        return issueTokens(outcome, ctx.now);
      case 'reused':
        ctx.log.warn('refresh token reused', { session_id: claim?.sessionId });
        throw new AppError('refresh_token_reused');
      case 'unknown':
      case 'expired':
        throw new AppError('refresh_token_invalid');
      case 'revoked':
        throw new AppError('session_revoked');
      case 'disabled':
        throw new AppError('account_disabled');
      case 'unverified':
        throw new AppError('email_not_verified');
    }
  };
