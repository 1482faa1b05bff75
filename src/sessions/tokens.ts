import { withPasswordAge } from '../accounts/rules/account.ts';
import type { MacKeys } from '../platform/crypto/derived-keys.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type IssueTokens, type RefreshClaim, type Session, secondsAfter } from './rules/session.ts';

export type RefreshTokens = {
  readonly issue: (claim: RefreshClaim) => Promise<string>;
  /** @returns null for a text that we have not issued; the database knows whether the token is still good */
  readonly read: (token: string) => Promise<RefreshClaim | null>;
};

/** The part of a token that its MAC covers. */
const payloadOf = ({ sessionId, counter }: RefreshClaim): string =>
  `${sessionId.replaceAll('-', '')}.${counter.toString(36)}`;

// The last of 43 characters has two bits that are no part of the MAC (RFC 4648 section 3.5), so only these can stand
// there.
const shape =
  /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\.(0|[1-9a-z][0-9a-z]{0,5})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;
const maxCounter = 2 ** 31 - 2; // the maximum of the column, less one step ahead

/** Reads the one spelling of `session.counter.mac`; null for any other text. The MAC is still to be verified. */
const parse = (token: string): (RefreshClaim & { readonly mac: string }) | null => {
  const match = shape.exec(token);
  if (!match) return null;
  const [, a, b, c, d, e, digits = '', mac = ''] = match;
  const counter = Number.parseInt(digits, 36);
  return counter > maxCounter ? null : { sessionId: `${a}-${b}-${c}-${d}-${e}`, counter, mac };
};

/** Refresh tokens are derived and not stored, so a copy of the database holds no token. */
export const createRefreshTokens = (keys: MacKeys): RefreshTokens => ({
  issue: async (claim) => {
    const payload = payloadOf(claim);
    return `${payload}.${await keys.sign(payload)}`;
  },
  read: async (token) => {
    const parsed = parse(token);
    if (!parsed) return null;
    const { mac, ...claim } = parsed;
    return (await keys.verify(payloadOf(claim), mac)) ? claim : null;
  },
});

/** JWT times are whole seconds (RFC 7519 section 2). */
const wholeSecond = (instant: Date): Date => new Date(Math.floor(instant.getTime() / 1000) * 1000);

/** An access token does not outlive its session. */
const accessExpiry = (session: Session, ttlSeconds: number, issuedAt: Date): Date => {
  const full = secondsAfter(issuedAt, ttlSeconds);
  return full < session.expiresAt ? full : wholeSecond(session.expiresAt);
};

type Options = {
  readonly signAccessToken: AccessTokens['sign'];
  readonly issueRefreshToken: RefreshTokens['issue'];
  readonly newId: (now: Date) => string;
  readonly accessTtlSeconds: number;
  readonly passwordMaxAgeDays: number | null;
};

/** Issues the tokens of an open session. Writes nothing, because both are derived from the session. */
export const createIssueTokens =
  ({
    signAccessToken,
    issueRefreshToken,
    newId,
    accessTtlSeconds,
    passwordMaxAgeDays,
  }: Options): IssueTokens =>
  async ({ session, account }, now, audience = null) => {
    const issuedAt = wholeSecond(now);
    const accessExpiresAt = accessExpiry(session, accessTtlSeconds, issuedAt);
    const claims = {
      userId: account.id,
      sessionId: session.id,
      roles: account.roles,
      tokenId: newId(now),
      audience: audience ?? undefined,
    };
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
      audience,
      account: withPasswordAge(account, passwordMaxAgeDays, now),
    };
  };
