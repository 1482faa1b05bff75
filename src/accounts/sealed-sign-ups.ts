import * as z from 'zod';
import type { Secret } from '../platform/config/secret.ts';
import { createSealedContents } from '../platform/crypto/sealed-contents.ts';
import { type SignUpAttempt, signUpAttemptTtlSeconds } from './rules/sign-up.ts';

const Contents = z.object({ email: z.string(), passwordHash: z.string(), username: z.string().nullable() });

/** Seals sign-ups, so that their browsers can keep them. */
export const createSealedSignUps = (secrets: readonly Secret[]) => {
  const { seal, open } = createSealedContents(secrets, {
    label: 'sign-up-attempt',
    schema: Contents,
    ttlSeconds: signUpAttemptTtlSeconds,
  });
  return { seal: (attempt: SignUpAttempt, now: Date): Promise<string> => seal(attempt, now), open };
};
