import * as z from 'zod';
import type { Secret } from '../platform/config/secret.ts';
import { createSealedContents } from '../platform/crypto/sealed-contents.ts';
import { isSameText } from '../platform/crypto/shared-secret.ts';
import { type Attempt, attemptTtlSeconds } from './rules.ts';

const Contents = z.object({
  provider: z.string(),
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
});

/** Attempts to log in at a provider, sealed for the browser: they hold the code verifier. */
export const createSealedAttempts = (secrets: readonly Secret[]) => {
  const { seal, open } = createSealedContents(secrets, {
    label: 'sign-on-attempt',
    schema: Contents,
    ttlSeconds: attemptTtlSeconds,
  });
  return {
    seal: (attempt: Attempt, now: Date): Promise<string> => seal(attempt, now),

    /** The attempt of an answer; null for another provider or state, and for an attempt that is too old. */
    open: async (
      sealed: string,
      answered: { readonly provider: string; readonly state: string },
      now: Date,
    ): Promise<Attempt | null> => {
      const attempt = await open(sealed, now);
      if (!attempt || attempt.provider !== answered.provider) return null;
      return (await isSameText(attempt.state, answered.state)) ? attempt : null;
    },
  };
};
