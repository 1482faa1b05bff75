import type { MacKeys } from '../platform/crypto/derived-keys.ts';
import {
  codeFromMac,
  type PrepareToken,
  parseOneTimeToken,
  type TokenPurpose,
  tokenPayload,
} from './rules.ts';

/** Tokens and codes are derived from the id of their row, so that neither the row nor the outbox holds them. */
export type OneTimeTokens = {
  readonly token: (id: string, purpose: TokenPurpose) => Promise<string>;
  /** @returns the row's id; null for a text that was not issued for one of these purposes */
  readonly read: (
    token: string,
    purposes: readonly TokenPurpose[],
  ) => Promise<{ readonly id: string; readonly purpose: TokenPurpose } | null>;
  /** The six digits that go with a row. */
  readonly code: (id: string) => Promise<string>;
  /** The stored form of a code: without the key, not even a million guesses find the code. */
  readonly codeMac: (email: string, code: string) => Promise<string>;
};

export const createOneTimeTokens = (keys: MacKeys): OneTimeTokens => ({
  token: async (id, purpose) => `${tokenPayload(id)}.${await keys.sign(`${purpose}.${id}`)}`,
  read: async (token, purposes) => {
    const parsed = parseOneTimeToken(token);
    if (!parsed) return null;
    for (const purpose of purposes) {
      if (await keys.verify(`${purpose}.${parsed.id}`, parsed.mac)) return { id: parsed.id, purpose };
    }
    return null;
  },
  code: async (id) => {
    const mac = await keys.sign(`code.${id}`);
    return codeFromMac(Uint8Array.fromBase64(mac, { alphabet: 'base64url', lastChunkHandling: 'loose' }));
  },
  codeMac: (email, code) => keys.sign(`code-mac.${email}.${code}`),
});

type Preparing = Pick<OneTimeTokens, 'code' | 'codeMac'> & { readonly newId: (now: Date) => string };

/** Makes ids for a token and its mail; with `codeFor`, also the MAC of the code that goes to that address. */
export const createPrepareToken =
  ({ newId, code, codeMac }: Preparing): PrepareToken =>
  async (now, codeFor) => {
    const tokenId = newId(now);
    return {
      tokenId,
      outboxId: newId(now),
      codeMac: codeFor === null ? null : await codeMac(codeFor, await code(tokenId)),
    };
  };
