/** What an access token says of its bearer; `roles` inform others and are never the authority here. */
export type AccessClaims = {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
};

/** The result of verification without the database. An expired token is still known to be ours. */
export type AccessVerdict =
  | { readonly kind: 'valid'; readonly claims: AccessClaims; readonly goodUntil: Date }
  | { readonly kind: 'expired'; readonly claims: AccessClaims }
  | { readonly kind: 'invalid' };
