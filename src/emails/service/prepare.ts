import type { PrepareToken } from '../rules.ts';

type Deps = {
  readonly newId: (now: Date) => string;
  readonly code: (tokenId: string) => Promise<string>;
  readonly codeMac: (email: string, code: string) => Promise<string>;
};

/** Ids for a token and its mail; with `codeFor`, also the MAC of the code that goes to that address. */
export const createPrepareToken =
  ({ newId, code, codeMac }: Deps): PrepareToken =>
  async (now, codeFor) => {
    const tokenId = newId(now);
    return {
      tokenId,
      outboxId: newId(now),
      codeMac: codeFor === null ? null : await codeMac(codeFor, await code(tokenId)),
    };
  };
