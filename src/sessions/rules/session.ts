import type { Account, AccountRecord } from '../../accounts/rules/account.ts';

/** A login. Its refresh token is derived from `id` and `refreshCounter`. */
export type Session = {
  readonly id: string;
  readonly scope: string;
  readonly refreshCounter: number;
  readonly expiresAt: Date;
};

export type OpenSession = { readonly session: Session; readonly account: AccountRecord };

export type NewSession = Session & {
  readonly absoluteExpiresAt: Date;
  /** How many live sessions its account may have, including this one; the oldest ones end. */
  readonly maxPerAccount: number;
};

/** How long sessions live, in seconds. */
export type SessionPolicy = {
  readonly refreshTtlSeconds: number;
  readonly absoluteTtlSeconds: number;
  readonly reuseGraceSeconds: number;
  /** How often in a day the token one step behind is answered after the grace; 0 = never. */
  readonly lateMax: number;
  /** How many live sessions an account may have. */
  readonly maxPerAccount: number;
};

/** One login ends at most this many live sessions: an account may have more of them from before there was a limit. */
export const endedByLimit = 500;

/** An account knows a network by this many of its newest sessions from there. */
export const rememberedSessions = 100;

/** The window in which late refreshes of a session count together. */
export const lateWindowSeconds = 86_400;

/**
 * How many steps in a row may have a late refresh. Two parties who share a session cause one at every step, however
 * rarely its owner refreshes; a lost answer is the exception.
 */
export const maxLateSteps = 10;

/** After a mail about a new device, the next one has to wait that long. */
export const newDeviceMailSeconds = 6 * 3600;

export const secondsAfter = (instant: Date, seconds: number): Date =>
  new Date(instant.getTime() + seconds * 1000);

/** A session slides by its refresh life and ends at its absolute life, however often it is refreshed. */
export const newSession = (id: string, scope: string, policy: SessionPolicy, now: Date): NewSession => {
  const { refreshTtlSeconds, absoluteTtlSeconds } = policy;
  return {
    id,
    scope,
    refreshCounter: 0,
    expiresAt: secondsAfter(now, Math.min(refreshTtlSeconds, absoluteTtlSeconds)),
    absoluteExpiresAt: secondsAfter(now, absoluteTtlSeconds),
    maxPerAccount: policy.maxPerAccount,
  };
};

/** The scope that puts the refresh token into the body (OpenID Connect Core 1.0 section 11). */
export const offlineAccess = 'offline_access';

/** The granted part of a requested scope; the response names it (RFC 6749 section 3.3). */
export const grantScope = (requested: string): string =>
  requested.split(' ').includes(offlineAccess) ? offlineAccess : '';

/** A refresh token names its session, and how often that had been refreshed when the token was issued. */
export type RefreshClaim = { readonly sessionId: string; readonly counter: number };

/** The outcome of one step of rotation, which one database statement decides. */
export type RefreshOutcome =
  | { readonly kind: 'refreshed' | 'late'; readonly session: Session; readonly account: AccountRecord }
  | { readonly kind: 'reused' | 'unknown' | 'expired' | 'revoked' | 'disabled' | 'unverified' };

/** Why a session no longer serves, or null while it does. */
export type SessionRefusal = 'session_revoked' | 'account_disabled' | 'email_not_verified' | null;

/** The tokens that a client gets for a session. */
export type IssuedTokens = {
  readonly accessToken: string;
  readonly accessExpiresAt: Date;
  readonly accessTtlSeconds: number;
  readonly refreshToken: string;
  readonly refreshExpiresAt: Date;
  readonly scope: string;
  /** The service that the access token is for; null: Itsor itself. No other token may become a cookie. */
  readonly audience: string | null;
  readonly account: Account;
};

/** @param audience the service that the access token is for; Itsor itself where it is absent */
export type IssueTokens = (opened: OpenSession, now: Date, audience?: string | null) => Promise<IssuedTokens>;

/** Which sessions a logout ends: this one, the account's other ones, or all. */
export type LogoutScope = 'local' | 'others' | 'global';

export type SessionSummary = {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly current: boolean;
};
