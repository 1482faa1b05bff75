import { EncryptJWT, jwtDecrypt } from 'jose';
import * as z from 'zod';
import type { Secret } from '../config/secret.ts';
import { type Attempt, attemptTtlSeconds } from '../domain/identity.ts';
import { createSealKeys } from './derived-keys.ts';

const Contents = z.object({
  provider: z.string(),
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
});

const header = { alg: 'dir', enc: 'A256GCM' } as const;

const digest = (text: string): Promise<ArrayBuffer> =>
  crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));

/** Compares in constant time: the digests are of one length, whatever was given. */
const isSame = async (one: string, other: string): Promise<boolean> => {
  const [left, right] = await Promise.all([digest(one), digest(other)]);
  return crypto.subtle.timingSafeEqual(left, right);
};

const open = async (keys: readonly CryptoKey[], sealed: string, now: Date): Promise<Attempt | null> => {
  for (const key of keys) {
    const opened = await jwtDecrypt(sealed, key, {
      currentDate: now,
      requiredClaims: ['exp'],
      keyManagementAlgorithms: [header.alg],
      contentEncryptionAlgorithms: [header.enc],
    }).catch(() => null);
    const contents = opened && Contents.safeParse(opened.payload);
    if (contents?.success) return contents.data;
  }
  return null;
};

export type SealedAttempts = ReturnType<typeof createSealedAttempts>;

/**
 * Attempts as the browser carries them: a JWE (RFC 7516) under a key of its own, so that nothing has to be stored and
 * nobody reads the code verifier, or makes an attempt that we have not begun.
 */
export const createSealedAttempts = (secrets: readonly Secret[]) => {
  const keys = createSealKeys(secrets, 'sign-on-attempt');
  return {
    seal: async (attempt: Attempt, now: Date): Promise<string> => {
      const [current] = await keys();
      if (!current) throw new Error('no key for attempts');
      const seconds = Math.floor(now.getTime() / 1000);
      return new EncryptJWT(attempt)
        .setProtectedHeader(header)
        .setExpirationTime(seconds + attemptTtlSeconds)
        .encrypt(current);
    },

    /** The attempt that an answer belongs to; null for none of that provider and state, or one that is too old. */
    open: async (
      sealed: string,
      answered: { readonly provider: string; readonly state: string },
      now: Date,
    ): Promise<Attempt | null> => {
      const attempt = await open(await keys(), sealed, now);
      if (!attempt || attempt.provider !== answered.provider) return null;
      return (await isSame(attempt.state, answered.state)) ? attempt : null;
    },
  };
};
