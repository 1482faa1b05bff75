/** The claims of an access token. `roles` are for other services; Itsor itself never trusts them. */
export type AccessClaims = {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
};

/** The result of a verification without the database. An expired token was still issued by Itsor. */
export type AccessVerdict =
  | { readonly kind: 'valid'; readonly claims: AccessClaims; readonly goodUntil: Date }
  | { readonly kind: 'expired'; readonly claims: AccessClaims }
  | { readonly kind: 'invalid' };
