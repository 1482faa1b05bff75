/** GitHub has no ID token to name an issuer. */
export const githubIssuer = 'https://github.com';

/** The issuers of the configured providers. */
type Configured = {
  readonly providers: readonly { readonly issuer: string }[];
  readonly github: object | null;
};

export const issuersOf = ({ providers, github }: Configured): readonly string[] => [
  ...providers.map(({ issuer }) => issuer),
  ...(github ? [githubIssuer] : []),
];

/**
 * Who a provider says that somebody is. Issuer and subject together are the identity (OpenID Connect Core 1.0
 * section 2); the address is only what the provider knows beside, and changes.
 */
export type ProvidedIdentity = {
  readonly issuer: string;
  readonly subject: string;
  /** In lower case; null where the provider told none. */
  readonly email: string | null;
  /** Whether the provider vouches that the address is theirs. */
  readonly emailVerified: boolean;
};

/** What the browser keeps, sealed, between the way to a provider and the way back. */
export type Attempt = {
  /** The id of the provider that the attempt is for: an answer of another one is none. */
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE (RFC 7636). */
  readonly codeVerifier: string;
  /** Where the person goes once they are logged in. */
  readonly returnTo: string;
};

/** What came of an answer. The reason is a word of ours: what a provider or a client wrote is not logged. */
export type Identified =
  | { readonly kind: 'identified'; readonly identity: ProvidedIdentity }
  | { readonly kind: 'denied' }
  | { readonly kind: 'failed'; readonly reason: string };

type Scope = { readonly now: Date; readonly signal: AbortSignal };

/** Somebody who vouches for people. @throws AppError `service_unavailable` where the provider gives no answer, `timeout` */
export interface IdentityProvider {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  /** Where the person goes to. */
  authorizationUrl(scope: Scope, attempt: Attempt): Promise<string>;
  /** Who came back with that answer. */
  identify(scope: Scope, answer: URLSearchParams, attempt: Attempt): Promise<Identified>;
}

/** An identity that an account has. The provider's name is the configuration's, or the issuer's host. */
export type LinkedIdentity = {
  readonly id: string;
  readonly issuer: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
};

/** How long a person may take at the provider, in seconds. */
export const attemptTtlSeconds = 600;
