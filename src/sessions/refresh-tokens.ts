import type { MacKeys } from '../platform/crypto/derived-keys.ts';
import { parseRefreshToken, type RefreshClaim, refreshPayload } from './rules/refresh-token.ts';

export type RefreshTokens = {
  readonly issue: (claim: RefreshClaim) => Promise<string>;
  /** @returns null for a text that we have not issued; whether it is still good the database knows */
  readonly read: (token: string) => Promise<RefreshClaim | null>;
};

/** Refresh tokens are derived, not stored: a copy of the database holds nothing that could be presented. */
export const createRefreshTokens = (keys: MacKeys): RefreshTokens => ({
  issue: async (claim) => {
    const payload = refreshPayload(claim);
    return `${payload}.${await keys.sign(payload)}`;
  },
  read: async (token) => {
    const parsed = parseRefreshToken(token);
    if (!parsed) return null;
    const { mac, ...claim } = parsed;
    return (await keys.verify(refreshPayload(claim), mac)) ? claim : null;
  },
});
