import type { Context } from 'hono';
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { type Outcome, refused, tokenExpired, tokenInvalid } from './auth.ts';
import { algorithms, createKeySet, KeySetUnavailable } from './key-set.ts';

export type OfflineOptions = {
  /** `JWT_ISSUER` of Itsor: the `iss` of its tokens. */
  readonly issuer: string;
  /** Whom a token must be meant for. */
  readonly audience: string | readonly string[];
  /** Where the keys are; absent: `<issuer>/.well-known/jwks.json`. */
  readonly jwksUrl?: string;
  /** Reads the keys, in place of the global `fetch`: for example through a service binding. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  readonly timeoutMs?: number;
  readonly maxAgeSeconds?: number;
  readonly maxStaleSeconds?: number;
  readonly cooldownSeconds?: number;
  /** The clock; for tests. */
  readonly now?: () => Date;
};

/** The same as in Itsor: clocks differ. */
const leewaySeconds = 30;

/** As Itsor's Cache-Control says: a rotation publishes a key six minutes before it signs. */
const keptSeconds = 300;

const requiredClaims = ['sub', 'sid', 'jti', 'iat', 'exp', 'roles'];

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

/** @throws TypeError where keys could not be read safely */
const keySetUrl = ({ issuer, jwksUrl }: OfflineOptions): string => {
  const text = jwksUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`;
  const url = URL.parse(text);
  if (url === null) {
    throw new TypeError(
      `itsorAuth: the issuer ${JSON.stringify(issuer)} is no URL, so say where the keys are: jwksUrl: 'https://…/.well-known/jwks.json'`,
    );
  }
  if (url.protocol !== 'https:' && !loopback.test(url.hostname)) {
    throw new TypeError(
      `itsorAuth: keys are read by https: only, because who changes them signs tokens: ${text}`,
    );
  }
  return url.href;
};

/** @throws TypeError where a token of anybody, or for anybody, would be accepted */
const requireText = (name: string, value: string | readonly string[]): void => {
  const values = typeof value === 'string' ? [value] : (value ?? []);
  if (values.length === 0 || values.some((text) => typeof text !== 'string' || text === ''))
    throw new TypeError(`itsorAuth: ${name} is required offline, and must not be empty`);
};

const outcomeOf = (claims: JWTPayload & { sid?: unknown; roles?: unknown }): Outcome => {
  const { sub, sid, roles } = claims;
  if (typeof sub !== 'string' || typeof sid !== 'string' || !Array.isArray(roles)) return tokenInvalid;
  return {
    ok: true,
    auth: { mode: 'offline', userId: sub, sessionId: sid, roles: roles.map(String), claims },
  };
};

/** Verifies tokens by the public keys of Itsor, without asking it. A logout counts when the token expires. */
export const createOfflineVerifier = (options: OfflineOptions) => {
  const { issuer, audience, now = () => new Date() } = options;
  requireText('issuer', issuer);
  requireText('audience', audience);
  const keyOf = createKeySet({
    url: keySetUrl(options),
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    now: () => now().getTime(),
    timeoutMs: options.timeoutMs ?? 5000,
    maxAgeMs: (options.maxAgeSeconds ?? keptSeconds) * 1000,
    maxStaleMs: (options.maxStaleSeconds ?? 3600) * 1000,
    cooldownMs: (options.cooldownSeconds ?? 30) * 1000,
  });

  return async (_: Context, token: string): Promise<Outcome> => {
    try {
      const { kid, alg } = decodeProtectedHeader(token);
      // Before the keys are read: a token that no key can verify causes no request.
      if (typeof kid !== 'string' || !algorithms.includes(alg ?? '')) return tokenInvalid;
      const found = await keyOf(kid);
      if (!found || found.algorithm !== alg) return tokenInvalid;
      const { payload } = await jwtVerify(token, found.key, {
        algorithms: [found.algorithm],
        typ: 'at+jwt',
        issuer,
        audience: typeof audience === 'string' ? audience : [...audience],
        clockTolerance: leewaySeconds,
        currentDate: now(),
        requiredClaims,
      });
      return outcomeOf(payload);
    } catch (error) {
      if (error instanceof KeySetUnavailable) {
        const { code, message: detail, retryAfterSeconds } = error;
        return refused({ status: 503, code, detail, retryAfterSeconds });
      }
      if (error instanceof errors.JWTExpired) return tokenExpired;
      // Of a header that is no JSON, jose throws a TypeError.
      if (error instanceof errors.JOSEError || error instanceof TypeError) return tokenInvalid;
      throw error;
    }
  };
};
