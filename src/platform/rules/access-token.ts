/** The claims of an access token. `roles` are for other services; Itsor itself never trusts them. */
export type AccessClaims = {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly string[];
};

/** What tells one token of a session from the others. */
export type TokenFacts = { readonly id: string; readonly issuedAt: Date; readonly expiresAt: Date };

/** The result of a verification without the database. An expired token was still issued by Itsor. */
export type AccessVerdict =
  | {
      readonly kind: 'valid';
      readonly claims: AccessClaims;
      readonly token: TokenFacts;
      /** When the token stops being accepted, leeway included. */
      readonly goodUntil: Date;
    }
  | { readonly kind: 'expired'; readonly claims: AccessClaims }
  | { readonly kind: 'invalid' };
