import { createPrivateKey } from 'node:crypto';
import { refuseWeakEntries, type Scope } from './resolve.ts';
import { byteLength, Secret, secretHint, weaknessOf } from './secret.ts';
import type { Settings } from './variables.ts';

export type Algorithm = Settings['JWT_ALGORITHM'];
type SymmetricAlgorithm = Extract<Algorithm, `HS${string}`>;
export type AsymmetricAlgorithm = Exclude<Algorithm, SymmetricAlgorithm>;

export const isSymmetric = (algorithm: Algorithm): algorithm is SymmetricAlgorithm =>
  algorithm.startsWith('HS');

const keyKinds: Readonly<Record<AsymmetricAlgorithm, { type: string; name: string }>> = {
  EdDSA: { type: 'ed25519', name: 'an Ed25519 key' },
  ES256: { type: 'prime256v1', name: 'a P-256 key' },
  RS256: { type: 'rsa', name: 'an RSA key' },
};

export const asymmetricAlgorithms = Object.keys(keyKinds) as AsymmetricAlgorithm[];

// RFC 7518 section 3.3.
const minRsaBits = 2048;

/** Reads the base64 of a PKCS#8 key. The errors of Node are not repeated, so that no part of a key can be. */
const parseKey = (base64: string) => {
  try {
    return createPrivateKey({ key: base64, encoding: 'base64', format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
};

type ReadKey = { readonly algorithm: AsymmetricAlgorithm; readonly pem: string };

/**
 * A key as canonical PEM, with the algorithm that its type has, or what is wrong with it. Node's parser, because that of
 * WebCrypto is asynchronous.
 */
const readKey = (base64: string, wanted: AsymmetricAlgorithm | null): ReadKey | { detail: string } => {
  const key = parseKey(base64);
  if (!key) return { detail: 'is not a complete PKCS#8 private key' };
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const type = namedCurve ?? key.asymmetricKeyType;
  const algorithm = asymmetricAlgorithms.find((each) => keyKinds[each].type === type);
  if (wanted && algorithm !== wanted)
    return { detail: `is not ${keyKinds[wanted].name}, which ${wanted} needs` };
  if (!algorithm) return { detail: 'is not an Ed25519, P-256 or RSA key' };
  if (algorithm === 'RS256' && modulusLength < minRsaBits)
    return { detail: `is shorter than ${minRsaBits} bits` };
  return { algorithm, pem: String(key.export({ type: 'pkcs8', format: 'pem' })).trim() };
};

const block = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END PRIVATE KEY-----/g;

const readSecret = ({ settings, strict, given, problem, warning }: Scope): Secret => {
  const { JWT_SECRET: secret, JWT_ALGORITHM: algorithm } = settings;
  if (!given.has('JWT_SECRET')) {
    if (!isSymmetric(algorithm)) return new Secret('');
    if (strict) problem('JWT_SECRET', `is required: ${secretHint}`);
    return secret;
  }

  if (!isSymmetric(algorithm)) {
    const detail = `is not used: JWT_ALGORITHM is ${algorithm}; in JWT_SECRET_PREVIOUS it would still verify`;
    warning('JWT_SECRET', detail);
  }
  const weakness = strict ? weaknessOf(secret) : undefined;
  if (weakness) problem('JWT_SECRET', `${weakness}: ${secretHint}`);
  // RFC 7518 section 3.2 wants a key as long as the digest.
  const digestBytes = isSymmetric(algorithm) ? Number(algorithm.slice(2)) / 8 : 0;
  if (strict && !weakness && byteLength(secret) < digestBytes) {
    warning('JWT_SECRET', 'is shorter than the digest of JWT_ALGORITHM (RFC 7518 section 3.2)');
  }
  return secret;
};

/**
 * Reads PKCS#8 PEM blocks (RFC 7468 section 10), with line breaks or, as in many dotenv files, `\n`: all of one
 * algorithm, or each of any.
 */
const readKeys = (
  given: Secret,
  wanted: AsymmetricAlgorithm | null,
): readonly ReadKey[] | { detail: string } => {
  const text = given.reveal().replaceAll('\\r', '').replaceAll('\\n', '\n');
  if (/BEGIN ENCRYPTED PRIVATE KEY/.test(text))
    return { detail: 'is encrypted: decrypt it with openssl pkcs8 -topk8 -nocrypt' };
  if (/BEGIN (RSA|EC) PRIVATE KEY/.test(text))
    return { detail: 'is not PKCS#8: convert it with openssl pkcs8 -topk8 -nocrypt' };

  const bodies = [...text.matchAll(block)].map(([, body = '']) => body.replace(/\s/g, ''));
  if (bodies.length === 0 || text.replace(block, '').trim() !== '')
    return { detail: 'must be PKCS#8 PEM: -----BEGIN PRIVATE KEY----- … -----END PRIVATE KEY-----' };

  const keys: ReadKey[] = [];
  for (const [index, body] of bodies.entries()) {
    const key = readKey(body, wanted);
    if ('detail' in key)
      return { detail: bodies.length === 1 ? key.detail : `block ${index + 1} ${key.detail}` };
    keys.push(key);
  }
  return keys;
};

const readPrivateKey = ({ settings, problem, warning }: Scope): Secret | null => {
  const { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: given } = settings;
  if (isSymmetric(algorithm)) {
    if (given) warning('JWT_PRIVATE_KEY', 'is not used: JWT_ALGORITHM is one of HS256, HS384 and HS512');
    return null;
  }
  if (!given) {
    problem(
      'JWT_PRIVATE_KEY',
      `is required by JWT_ALGORITHM: a private key as PKCS#8 PEM, such as npm run secrets:generate -- --algorithm ${algorithm} prints`,
    );
    return null;
  }
  const keys = readKeys(given, algorithm);
  if ('detail' in keys) {
    problem('JWT_PRIVATE_KEY', keys.detail);
    return null;
  }
  return new Secret(keys.map(({ pem }) => pem).join('\n'));
};

/** A private key that verifies and never signs. */
export type PreviousKey = { readonly algorithm: AsymmetricAlgorithm; readonly pem: Secret };

const readPreviousKeys = ({ settings, problem }: Scope): readonly PreviousKey[] => {
  const { JWT_PRIVATE_KEY_PREVIOUS: given } = settings;
  if (!given) return [];
  const keys = readKeys(given, null);
  if ('detail' in keys) {
    problem('JWT_PRIVATE_KEY_PREVIOUS', keys.detail);
    return [];
  }
  return keys.map(({ algorithm, pem }) => ({ algorithm, pem: new Secret(pem) }));
};

/** Headers that a page of any site can have sent: Cookie, and those that the Fetch standard calls CORS-safelisted. */
const headerOfAnyPage = /^(accept|accept-language|content-language|content-type|cookie|range)$/i;

export const readJwt = (scope: Scope) => {
  const { settings, problem } = scope;
  const { JWT_SECRET_PREVIOUS: previousSecrets = [], JWT_TOKEN_LOCATION: locations } = settings;
  refuseWeakEntries(scope, 'JWT_SECRET_PREVIOUS', previousSecrets);
  if (headerOfAnyPage.test(settings.JWT_HEADER_NAME)) {
    problem('JWT_HEADER_NAME', 'must be a header that no page of another site can send');
  }
  return {
    algorithm: settings.JWT_ALGORITHM,
    /** Empty under an asymmetric algorithm for which no JWT_SECRET was set; an empty secret signs nothing. */
    secret: readSecret(scope),
    /** These verify and never sign, whatever the algorithm of today is. */
    previousSecrets,
    previousPrivateKeys: readPreviousKeys(scope),
    /** One or more PKCS#8 PEM blocks: the first signs, the others only verify. Null under HS*. */
    privateKey: readPrivateKey(scope),
    accessTtlSeconds: Math.round(settings.JWT_ACCESS_MINUTES * 60),
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    /** Where access tokens are accepted; without `cookie` none are set. */
    locations: { header: locations.includes('headers'), cookie: locations.includes('cookies') },
    headerName: settings.JWT_HEADER_NAME,
    headerType: settings.JWT_HEADER_TYPE,
  } as const;
};
