import { basePathOf, isUnder } from '../platform/rules/base-path.ts';
import type { OriginCheck } from '../platform/rules/origins.ts';

/** GitHub has no ID token with an issuer. */
export const githubIssuer = 'https://github.com';

type Configured = {
  readonly providers: readonly { readonly issuer: string }[];
  readonly github: object | null;
};

/** The issuers of the configured providers. */
export const issuersOf = ({ providers, github }: Configured): readonly string[] => [
  ...providers.map(({ issuer }) => issuer),
  ...(github ? [githubIssuer] : []),
];

/**
 * A person's identity at a provider. Issuer and subject identify the person (OpenID Connect Core 1.0 section 2); the
 * address can change.
 */
export type ProvidedIdentity = {
  readonly issuer: string;
  readonly subject: string;
  /** In lower case; null where the provider gave no address. */
  readonly email: string | null;
  /** Whether the provider vouches that the address belongs to the person. */
  readonly emailVerified: boolean;
};

/** An attempt to log in, which the browser keeps, sealed, until it comes back from the provider. */
export type Attempt = {
  /** The id of the provider; an answer of another provider is refused. */
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636). */
  readonly codeVerifier: string;
  /** The address after the login. */
  readonly returnTo: string;
};

/** The result of an answer. `reason` is a word of ours, because texts of a provider or a client are not logged. */
export type Identified =
  | { readonly kind: 'identified'; readonly identity: ProvidedIdentity }
  | { readonly kind: 'denied' }
  | { readonly kind: 'failed'; readonly reason: string };

type Scope = { readonly now: Date; readonly signal: AbortSignal };

/** An identity provider. @throws AppError `service_unavailable` where the provider gives no answer, `timeout` */
export interface IdentityProvider {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  /** The address at the provider to which the browser goes. */
  authorizationUrl(scope: Scope, attempt: Attempt): Promise<string>;
  /** Identifies the person who came back with this answer. */
  identify(scope: Scope, answer: URLSearchParams, attempt: Attempt): Promise<Identified>;
}

/** An identity of an account. */
export type LinkedIdentity = {
  readonly id: string;
  readonly issuer: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
};

/** An identity with its provider's name: that of the configuration, or the issuer's host. */
export type NamedIdentity = LinkedIdentity & { readonly name: string };

/** The login of an attempt, which the browser keeps, sealed, in its place: a reload of the callback ends where it did. */
export type AttemptResult = Pick<Attempt, 'provider' | 'state' | 'returnTo'> & {
  /** The session that was opened. */
  readonly sessionId: string;
};

/** How long a person may take at the provider, in seconds. */
export const attemptTtlSeconds = 600;

/** What a browser keeps at once. Servers and proxies refuse requests whose headers are longer than 8 KB or so. */
export const keptAttempts = { max: 5, characters: 5_000 } as const;

type ReturnPolicy = {
  readonly isAllowedOrigin: OriginCheck;
  /** The URL of the API, which an address without an origin is a path of. */
  readonly apiUrl: string;
};

/** The address shares a cookie of 4,096 bytes with the rest of the attempt. */
const maxReturnAddressLength = 1024;

/**
 * The address after a login, or null where its origin is not allowed: an open redirect helps phishing (OWASP ASVS 5.0,
 * 3.7.2). It is parsed as browsers parse it: `//` and `/\` begin a host.
 */
export const readReturnAddress = (
  given: string,
  { isAllowedOrigin, apiUrl }: ReturnPolicy,
): string | null => {
  const url = URL.parse(given, apiUrl);
  // The origin of a blob: URL is the origin inside it.
  if (!url || !/^https?:$/.test(url.protocol) || !isAllowedOrigin(url.origin)) return null;
  if (url.username || url.password) return null;
  const basePath = basePathOf(apiUrl);
  const isPathOfOurs = !URL.canParse(given) && url.origin === new URL(apiUrl).origin;
  if (isPathOfOurs && !isUnder(url.pathname, basePath)) url.pathname = `${basePath}${url.pathname}`;
  return url.href.length > maxReturnAddressLength ? null : url.href;
};
