import * as z from 'zod';
import type { Secret } from '../platform/config/secret.ts';
import { createSealedContents } from '../platform/crypto/sealed-contents.ts';
import { type Attempt, attemptTtlSeconds } from './rules/identity.ts';

const Contents = z.object({
  provider: z.string(),
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
});

const digest = (text: string): Promise<ArrayBuffer> =>
  crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));

/** Compares in constant time: the digests are of one length, whatever was given. */
const isSame = async (one: string, other: string): Promise<boolean> => {
  const [left, right] = await Promise.all([digest(one), digest(other)]);
  return crypto.subtle.timingSafeEqual(left, right);
};

export type SealedAttempts = ReturnType<typeof createSealedAttempts>;

/** Attempts to log in by a provider, as the browser carries them: the code verifier is among what is sealed. */
export const createSealedAttempts = (secrets: readonly Secret[]) => {
  const { seal, open } = createSealedContents(secrets, {
    label: 'sign-on-attempt',
    schema: Contents,
    ttlSeconds: attemptTtlSeconds,
  });
  return {
    seal: (attempt: Attempt, now: Date): Promise<string> => seal(attempt, now),

    /** The attempt that an answer belongs to; null for none of that provider and state, or one that is too old. */
    open: async (
      sealed: string,
      answered: { readonly provider: string; readonly state: string },
      now: Date,
    ): Promise<Attempt | null> => {
      const attempt = await open(sealed, now);
      if (!attempt || attempt.provider !== answered.provider) return null;
      return (await isSame(attempt.state, answered.state)) ? attempt : null;
    },
  };
};
