import { withPasswordAge } from '../accounts/rules/account.ts';
import type { AccessClaims } from '../platform/rules/access-token.ts';
import type { IssueTokens, OpenSession, Session } from './rules/session.ts';
import { secondsAfter } from './rules/session.ts';

type Deps = {
  readonly signAccessToken: (
    claims: AccessClaims & { tokenId: string },
    issuedAt: Date,
    expiresAt: Date,
  ) => Promise<string>;
  readonly issueRefreshToken: (claim: { sessionId: string; counter: number }) => Promise<string>;
  readonly newId: (now: Date) => string;
  readonly accessTtlSeconds: number;
  readonly passwordMaxAgeDays: number | null;
};

/** JWT times are whole seconds (RFC 7519 section 2). */
const wholeSecond = (instant: Date): Date => new Date(Math.floor(instant.getTime() / 1000) * 1000);

/** An access token does not outlive its session. */
const accessExpiry = (session: Session, ttlSeconds: number, issuedAt: Date): Date => {
  const full = secondsAfter(issuedAt, ttlSeconds);
  return full < session.expiresAt ? full : wholeSecond(session.expiresAt);
};

/** The tokens of an open session. Writes nothing: both are derived from what the session already is. */
export const createIssueTokens =
  ({ signAccessToken, issueRefreshToken, newId, accessTtlSeconds, passwordMaxAgeDays }: Deps): IssueTokens =>
  async ({ session, account }: OpenSession, now) => {
    const issuedAt = wholeSecond(now);
    const accessExpiresAt = accessExpiry(session, accessTtlSeconds, issuedAt);
    const claims = { userId: account.id, sessionId: session.id, roles: account.roles, tokenId: newId(now) };
    const [accessToken, refreshToken] = await Promise.all([
      signAccessToken(claims, issuedAt, accessExpiresAt),
      issueRefreshToken({ sessionId: session.id, counter: session.refreshCounter }),
    ]);
    return {
      accessToken,
      accessExpiresAt,
      accessTtlSeconds: (accessExpiresAt.getTime() - issuedAt.getTime()) / 1000,
      refreshToken,
      refreshExpiresAt: session.expiresAt,
      scope: session.scope,
      account: withPasswordAge(account, passwordMaxAgeDays, now),
    };
  };
