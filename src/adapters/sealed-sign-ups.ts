import * as z from 'zod';
import type { Secret } from '../config/secret.ts';
import { type SignUpAttempt, signUpAttemptTtlSeconds } from '../domain/sign-up.ts';
import { createSealedContents } from './sealed-contents.ts';

const Contents = z.object({ email: z.string(), passwordHash: z.string(), username: z.string().nullable() });

/** Sign-ups as the browser carries them that made them. */
export const createSealedSignUps = (secrets: readonly Secret[]) => {
  const { seal, open } = createSealedContents(secrets, {
    label: 'sign-up-attempt',
    schema: Contents,
    ttlSeconds: signUpAttemptTtlSeconds,
  });
  return { seal: (attempt: SignUpAttempt, now: Date): Promise<string> => seal(attempt, now), open };
};
