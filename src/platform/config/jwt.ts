import { parsePrivateKeys } from './private-keys.ts';
import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { localSecrets, secretHint, weaknessOf } from './weak-secrets.ts';

export const symmetricAlgorithms = ['HS256', 'HS384', 'HS512'] as const;
export const asymmetricAlgorithms = ['EdDSA', 'ES256', 'RS256'] as const;
export type AsymmetricAlgorithm = (typeof asymmetricAlgorithms)[number];

export type JwtConfig = {
  readonly algorithm: (typeof symmetricAlgorithms)[number] | AsymmetricAlgorithm;
  /** Empty under an asymmetric algorithm for which no JWT_SECRET was set; an empty secret signs nothing. */
  readonly secret: Secret;
  /** These verify and never sign. */
  readonly previousSecrets: readonly Secret[];
  /** One or more PKCS#8 PEM blocks: the first signs, the others only verify. Null under HS*. */
  readonly privateKey: Secret | null;
  readonly accessTtlSeconds: number;
  readonly issuer: string;
  readonly audience: string;
  /** Where access tokens are accepted; without `cookie` none are set. */
  readonly locations: { readonly header: boolean; readonly cookie: boolean };
  readonly headerName: string;
  readonly headerType: string;
};

const isAsymmetric = (algorithm: JwtConfig['algorithm']): algorithm is AsymmetricAlgorithm =>
  (asymmetricAlgorithms as readonly string[]).includes(algorithm);

const readSecret = (settings: Settings, asymmetric: boolean, { strict, problem, warning }: Scope): Secret => {
  const { JWT_SECRET: given, JWT_ALGORITHM: algorithm } = settings;
  if (!given) {
    if (asymmetric) return new Secret('');
    if (strict) problem('JWT_SECRET', `is required: ${secretHint}`);
    return new Secret(localSecrets.jwt);
  }

  const weakness = strict ? weaknessOf(given) : undefined;
  if (weakness) problem('JWT_SECRET', `${weakness}: ${secretHint}`);
  // RFC 7518 section 3.2 wants a key as long as the digest.
  const digestBytes = asymmetric ? 0 : Number(algorithm.slice(2)) / 8;
  if (strict && !weakness && new TextEncoder().encode(given.reveal()).length < digestBytes) {
    warning('JWT_SECRET', 'is shorter than the digest of JWT_ALGORITHM (RFC 7518 section 3.2)');
  }
  return given;
};

const readPrivateKey = (settings: Settings, { problem, warning }: Scope): Secret | null => {
  const { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: given } = settings;
  if (!isAsymmetric(algorithm)) {
    if (given) warning('JWT_PRIVATE_KEY', 'is not used: JWT_ALGORITHM is one of HS256, HS384 and HS512');
    return null;
  }
  if (!given) {
    problem('JWT_PRIVATE_KEY', 'is required by JWT_ALGORITHM: a private key as PKCS#8 PEM');
    return null;
  }
  const parsed = parsePrivateKeys(given.reveal(), algorithm);
  if (parsed.ok) return new Secret(parsed.pem);
  problem('JWT_PRIVATE_KEY', parsed.detail);
  return null;
};

/** The CORS-safelisted ones of the Fetch standard, and Cookie: a page of any site can have them sent. */
const headersOfAnyPage: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-language',
  'content-type',
  'cookie',
  'range',
]);

export const readJwt = (settings: Settings, scope: Scope): JwtConfig => {
  const {
    JWT_ALGORITHM: algorithm,
    JWT_SECRET_PREVIOUS: previousSecrets,
    JWT_TOKEN_LOCATION: locations,
  } = settings;
  // A former secret still verifies, so a weak one forges tokens as well as the current would.
  for (const [index, previous] of previousSecrets.entries()) {
    const weakness = scope.strict ? weaknessOf(previous) : undefined;
    if (weakness) scope.problem('JWT_SECRET_PREVIOUS', `entry ${index + 1} ${weakness}`);
  }

  if (headersOfAnyPage.has(settings.JWT_HEADER_NAME.toLowerCase())) {
    scope.problem('JWT_HEADER_NAME', 'must be a header that no page of another site can send');
  }

  return {
    algorithm,
    secret: readSecret(settings, isAsymmetric(algorithm), scope),
    previousSecrets,
    privateKey: readPrivateKey(settings, scope),
    accessTtlSeconds: Math.round(settings.JWT_ACCESS_MINUTES * 60),
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    locations: { header: locations.includes('headers'), cookie: locations.includes('cookies') },
    headerName: settings.JWT_HEADER_NAME,
    headerType: settings.JWT_HEADER_TYPE,
  };
};
