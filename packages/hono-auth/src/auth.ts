import type { JWTPayload } from 'jose';
import type { User } from './service.ts';

/** What is known of a person in both modes. */
type Known = {
  readonly userId: string;
  readonly sessionId: string;
  /** Online as they are now, offline as they were when the token was issued. */
  readonly roles: readonly string[];
};

/** Asked of Itsor for this request. */
export type OnlineAuth = Known & {
  readonly mode: 'online';
  readonly user: User;
  readonly permissions: readonly string[];
};

/** Read from a signed token. It does not know of a logout since. */
export type OfflineAuth = Known & {
  readonly mode: 'offline';
  readonly claims: JWTPayload;
};

export type Auth = OnlineAuth | OfflineAuth;

/** The variables of an app: `new Hono<{ Variables: AuthVariables<OnlineAuth> }>()`. */
export type AuthVariables<Known extends Auth = Auth> = {
  /** Null for a request without a good token. `requireUser()` refuses those. */
  auth: Known | null;
};

/** The refusal of a request, with the members of a problem (RFC 9457). */
export type Refusal = {
  readonly status: 400 | 401 | 403 | 429 | 503;
  readonly code: string;
  readonly detail: string;
  /** The error of `WWW-Authenticate` (RFC 6750 section 3.1); absent where no token was presented. */
  readonly challenge?: 'invalid_token' | 'insufficient_scope';
  readonly retryAfterSeconds?: number;
};

export type Outcome =
  | { readonly ok: true; readonly auth: Auth }
  | { readonly ok: false; readonly refusal: Refusal };

export const refused = (refusal: Refusal): Outcome => ({ ok: false, refusal });

/** A service that this request needs has no answer. That says nothing about the token, so it is no 401. */
export const unavailable = (detail: string, retryAfterSeconds: number): Outcome =>
  refused({ status: 503, code: 'service_unavailable', detail, retryAfterSeconds });

export const tokenInvalid = refused({
  status: 401,
  code: 'unauthenticated',
  detail: 'The access token is not valid.',
  challenge: 'invalid_token',
});

export const tokenExpired = refused({
  status: 401,
  code: 'token_expired',
  detail: 'Refresh the access token and try again.',
  challenge: 'invalid_token',
});
