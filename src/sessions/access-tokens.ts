import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  errors,
  exportJWK,
  importJWK,
  importPKCS8,
  type CryptoKey as JoseKey,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Config } from '../platform/config/schema.ts';
import type { Secret } from '../platform/config/secret.ts';
import { hasLowS, isCanonicalCompactJws, withLowS } from '../platform/crypto/jws.ts';
import type { AccessClaims, AccessVerdict } from '../platform/rules/access-token.ts';

type JwtConfig = Config['jwt'];
type Algorithm = JwtConfig['algorithm'];

/** A key and the one algorithm it may be used with (RFC 8725 section 3.1). Its `kid` names both. */
type KeyEntry = {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly key: JoseKey;
  readonly signingKey: JoseKey;
  /** The public key; a shared secret has none. */
  readonly jwk: JWK | null;
};
type Keyring = { readonly signing: KeyEntry; readonly byKid: ReadonlyMap<string, KeyEntry> };

export type AccessTokens = {
  /** Signs an `at+jwt` (RFC 9068). */
  readonly sign: (
    claims: AccessClaims & { tokenId: string },
    issuedAt: Date,
    expiresAt: Date,
  ) => Promise<string>;
  /**
   * Verifies without the database, with a leeway of 30 seconds. Never throws because of a client's token.
   * @param audience whom the token must be meant for; `JWT_AUDIENCE` where it is absent
   */
  readonly verify: (token: string, now: Date, audience?: string) => Promise<AccessVerdict>;
  /** The public keys (RFC 7517), of earlier private keys too; a shared secret has none. */
  readonly jwks: () => Promise<{ keys: JWK[] }>;
};

/** A token is accepted for this long after it has expired, because clocks differ. */
export const leewaySeconds = 30;
const encoder = new TextEncoder();
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const base64url = (bytes: ArrayBuffer) =>
  new Uint8Array(bytes).toBase64({ alphabet: 'base64url', omitPadding: true });

/**
 * A name for a shared secret under one algorithm, which reveals nothing about it: an HMAC of a fixed text, with the hash
 * of the algorithm, under the secret itself.
 */
const secretKid = async (key: CryptoKey): Promise<string> =>
  base64url(await crypto.subtle.sign('HMAC', key, encoder.encode('itsor kid'))).slice(0, 16);

const importSecret = async (secret: Secret, algorithm: Algorithm): Promise<KeyEntry> => {
  const hmac = { name: 'HMAC', hash: `SHA-${algorithm.slice(2)}` };
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret.reveal()), hmac, false, [
    'sign',
    'verify',
  ]);
  return { kid: await secretKid(key), algorithm, key, signingKey: key, jwk: null };
};

const pemBlock = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g;

const importPrivateKey = async (pem: string, algorithm: Algorithm): Promise<KeyEntry> => {
  const signingKey = await importPKCS8(pem, algorithm, { extractable: true });
  const { kty, crv, x, y, n, e } = await exportJWK(signingKey);
  const jwk = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })) as JWK;
  const kid = await calculateJwkThumbprint(jwk);
  const key = (await importJWK(jwk, algorithm)) as JoseKey;
  return { kid, algorithm, key, signingKey, jwk: { ...jwk, kid, alg: algorithm, use: 'sig' } };
};

/** The keys of the algorithm of today. The first signs. */
const loadCurrentKeys = ({ algorithm, secret, privateKey }: JwtConfig): Promise<KeyEntry[]> =>
  Promise.all(
    privateKey
      ? (privateKey.reveal().match(pemBlock) ?? []).map((pem) => importPrivateKey(pem, algorithm))
      : [importSecret(secret, algorithm)],
  );

const symmetricAlgorithms = ['HS256', 'HS384', 'HS512'] as const;

/** Former keys, and keys that will sign soon, of any algorithm: the `kid` of a token tells which one. */
const loadPreviousKeys = ({ previousSecrets, previousPrivateKeys }: JwtConfig): Promise<KeyEntry[]> =>
  Promise.all([
    ...previousSecrets.flatMap((each) =>
      symmetricAlgorithms.map((algorithm) => importSecret(each, algorithm)),
    ),
    ...previousPrivateKeys.map(({ pem, algorithm }) => importPrivateKey(pem.reveal(), algorithm)),
  ]);

const loadKeyring = async (config: JwtConfig): Promise<Keyring> => {
  const [current, previous] = await Promise.all([loadCurrentKeys(config), loadPreviousKeys(config)]);
  const [signing] = current;
  if (!signing) throw new Error('no signing key');
  return { signing, byKid: new Map([...current, ...previous].map((key) => [key.kid, key])) };
};

/** Where the signature of a compact JWS begins. */
const signatureAt = (token: string): number => token.lastIndexOf('.') + 1;

/**
 * Whether the signature has its only spelling. HMAC, RSA and Ed25519 have just one; for ECDSA it is the one with the
 * low s.
 */
const isOnlySpelling = (token: string, algorithm: Algorithm): boolean =>
  algorithm !== 'ES256' ||
  hasLowS(Uint8Array.fromBase64(token.slice(signatureAt(token)), { alphabet: 'base64url' }));

/** WebCrypto may sign with the high s, which this replaces. */
const toOnlySpelling = (token: string, algorithm: Algorithm): string => {
  if (algorithm !== 'ES256') return token;
  const at = signatureAt(token);
  const signature = Uint8Array.fromBase64(token.slice(at), { alphabet: 'base64url' });
  return token.slice(0, at) + base64url(withLowS(signature).buffer);
};

const readClaims = ({ sub, sid, roles }: JWTPayload): AccessClaims | null =>
  typeof sub === 'string' &&
  uuid.test(sub) &&
  typeof sid === 'string' &&
  uuid.test(sid) &&
  Array.isArray(roles)
    ? { userId: sub, sessionId: sid, roles }
    : null;

/** The header of a canonical JWS; null where it is not a JSON object. */
const readHeader = (token: string) => {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return null;
  }
};

export const createAccessTokens = (config: JwtConfig): AccessTokens => {
  const { issuer, audience } = config;
  // Keeps the keys rather than a promise of them, because a promise belongs to the request that made it.
  let loaded: Keyring | undefined;
  const keyring = async () => {
    loaded ??= await loadKeyring(config);
    return loaded;
  };

  return {
    sign: async ({ userId, sessionId, roles, tokenId }, issuedAt, expiresAt) => {
      const { kid, algorithm, signingKey } = (await keyring()).signing;
      const token = await new SignJWT({ sid: sessionId, roles: [...roles] })
        .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setJti(tokenId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(signingKey);
      return toOnlySpelling(token, algorithm);
    },

    verify: async (token, now, meantFor = audience) => {
      // jose accepts white space, padding and stray bits; here a token has one spelling.
      if (!isCanonicalCompactJws(token)) return { kind: 'invalid' };
      const { byKid } = await keyring();
      const found = byKid.get(readHeader(token)?.kid ?? '');
      if (!found || !isOnlySpelling(token, found.algorithm)) return { kind: 'invalid' };
      try {
        const { payload } = await jwtVerify(token, found.key, {
          // That of the key, never that which the token names (RFC 8725 section 3.1).
          algorithms: [found.algorithm],
          typ: 'at+jwt',
          issuer,
          audience: meantFor,
          clockTolerance: leewaySeconds,
          currentDate: now,
          requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp', 'roles'],
        });
        const claims = readClaims(payload);
        const goodUntil = new Date((Number(payload.exp) + leewaySeconds) * 1000);
        return claims ? { kind: 'valid', claims, goodUntil } : { kind: 'invalid' };
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
        const claims = error instanceof errors.JWTExpired ? readClaims(error.payload) : null;
        return claims ? { kind: 'expired', claims } : { kind: 'invalid' };
      }
    },

    jwks: async () => {
      const { byKid } = await keyring();
      return { keys: [...byKid.values()].flatMap(({ jwk }) => (jwk ? [jwk] : [])) };
    },
  };
};
