import { refuseWeakEntries, type Scope } from './resolve.ts';
import { byteLength, Secret, secretHint, weaknessOf } from './secret.ts';
import type { Settings } from './variables.ts';

type Algorithm = Settings['JWT_ALGORITHM'];
type SymmetricAlgorithm = Extract<Algorithm, `HS${string}`>;
type AsymmetricAlgorithm = Exclude<Algorithm, SymmetricAlgorithm>;

const isSymmetric = (algorithm: Algorithm): algorithm is SymmetricAlgorithm => algorithm.startsWith('HS');

/** How the DER of each kind of private key names its algorithm (RFC 8410, RFC 5480, RFC 8017), in hex. */
const keyKinds: Readonly<Record<AsymmetricAlgorithm, { identifier: string; name: string }>> = {
  EdDSA: { identifier: '3005' + '06032b6570', name: 'an Ed25519 key' },
  ES256: { identifier: '3013' + '06072a8648ce3d0201' + '06082a8648ce3d030107', name: 'a P-256 key' },
  RS256: { identifier: '300d' + '06092a864886f70d010101' + '0500', name: 'an RSA key' },
};

/** The length of a DER element (X.690 section 8.1.3) in hex: one byte, or a count and up to three bytes. */
const length = '([0-7].|81.{2}|82.{4}|83.{6})';
const lengthOf = (hex = ''): number => Number.parseInt(hex.replace(/^8./, ''), 16);

/** SEQUENCE { version 0 or 1, algorithm, key } in hex (PKCS#8, RFC 5958). */
const pkcs8 = new RegExp(`^30${length}(02010[01]30.*)$`);

// RFC 7518 section 3.3.
const minRsaBits = 2048;

/** SEQUENCE { version 0, modulus, … } in hex, where a zero keeps the modulus positive. */
const rsaKey = new RegExp(`^30${length}02010002${length}(00)?`);

/** Says what is wrong with a PKCS#8 key for an algorithm. WebCrypto could too, but only asynchronously. */
const keyProblem = (hex: string, algorithm: AsymmetricAlgorithm): string | undefined => {
  const [, size, content = ''] = pkcs8.exec(hex) ?? [];
  if (!(content.length >= 2 * lengthOf(size))) return 'is not a complete PKCS#8 private key';
  const { identifier, name } = keyKinds[algorithm];
  const key = new RegExp(`^02010.${identifier}04${length}(.*)`).exec(content)?.[2];
  if (key === undefined) return `is not ${name}, which ${algorithm} needs`;
  if (algorithm !== 'RS256') return undefined;
  const [, , modulusSize, zero] = rsaKey.exec(key) ?? [];
  const bits = 8 * (lengthOf(modulusSize) - (zero ? 1 : 0));
  return bits >= minRsaBits ? undefined : `is shorter than ${minRsaBits} bits`;
};

const hexOf = (base64: string): string => {
  try {
    return [...atob(base64)].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  } catch {
    return '';
  }
};

const armour = (body: string): string =>
  ['-----BEGIN PRIVATE KEY-----', ...(body.match(/.{1,64}/g) ?? []), '-----END PRIVATE KEY-----'].join('\n');

const block = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END PRIVATE KEY-----/g;

const readSecret = ({ settings, strict, given, problem, warning }: Scope): Secret => {
  const { JWT_SECRET: secret, JWT_ALGORITHM: algorithm } = settings;
  if (!given.has('JWT_SECRET')) {
    if (!isSymmetric(algorithm)) return new Secret('');
    if (strict) problem('JWT_SECRET', `is required: ${secretHint}`);
    return secret;
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

/** Reads PKCS#8 PEM blocks (RFC 7468 section 10), with line breaks or, as in many dotenv files, `\n`. */
const readPrivateKey = ({ settings, problem, warning }: Scope): Secret | null => {
  const { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: given } = settings;
  const refuse = (detail: string) => {
    problem('JWT_PRIVATE_KEY', detail);
    return null;
  };
  if (isSymmetric(algorithm)) {
    if (given) warning('JWT_PRIVATE_KEY', 'is not used: JWT_ALGORITHM is one of HS256, HS384 and HS512');
    return null;
  }
  if (!given) return refuse('is required by JWT_ALGORITHM: a private key as PKCS#8 PEM');

  const text = given.reveal().replaceAll('\\r', '').replaceAll('\\n', '\n');
  if (/BEGIN ENCRYPTED PRIVATE KEY/.test(text))
    return refuse('is encrypted: decrypt it with openssl pkcs8 -topk8 -nocrypt');
  if (/BEGIN (RSA|EC) PRIVATE KEY/.test(text))
    return refuse('is not PKCS#8: convert it with openssl pkcs8 -topk8 -nocrypt');

  const bodies = [...text.matchAll(block)].map(([, body = '']) => body.replace(/\s/g, ''));
  if (bodies.length === 0 || text.replace(block, '').trim() !== '')
    return refuse('must be PKCS#8 PEM: -----BEGIN PRIVATE KEY----- … -----END PRIVATE KEY-----');

  for (const [index, body] of bodies.entries()) {
    const detail = keyProblem(hexOf(body), algorithm);
    if (detail) return refuse(bodies.length === 1 ? detail : `block ${index + 1} ${detail}`);
  }
  return new Secret(bodies.map(armour).join('\n'));
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
    /** These verify and never sign. */
    previousSecrets,
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
