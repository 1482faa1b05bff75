import * as z from 'zod';
import type { Secret } from '../platform/config/secret.ts';
import { createSealedContents } from '../platform/crypto/sealed-contents.ts';
import { isSameText } from '../platform/crypto/shared-secret.ts';
import { type Attempt, type AttemptResult, attemptTtlSeconds } from './rules.ts';

const Contents = z.object({
  provider: z.string(),
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
});

const ResultContents = z.object({
  provider: z.string(),
  state: z.string(),
  returnTo: z.string(),
  sessionId: z.string(),
});

type Answered = Pick<Attempt, 'provider' | 'state'>;

/** What was sealed for an answer; null for that of another provider or state. */
const belonging = async <Sealed extends Answered>(
  opened: Sealed | null,
  { provider, state }: Answered,
): Promise<Sealed | null> => {
  if (!opened || opened.provider !== provider) return null;
  return (await isSameText(opened.state, state)) ? opened : null;
};

/** Attempts to log in at a provider, sealed for the browser: they hold the code verifier. */
export const createSealedAttempts = (secrets: readonly Secret[]) => {
  const { seal, open } = createSealedContents(secrets, {
    label: 'sign-on-attempt',
    schema: Contents,
    ttlSeconds: attemptTtlSeconds,
  });
  const results = createSealedContents(secrets, {
    label: 'sign-on-result',
    schema: ResultContents,
    ttlSeconds: attemptTtlSeconds,
  });
  return {
    seal: (attempt: Attempt, now: Date): Promise<string> => seal(attempt, now),
    sealResult: (result: AttemptResult, now: Date): Promise<string> => results.seal(result, now),

    /** The attempt of an answer; null for another provider or state, and for an attempt that is too old. */
    open: async (sealed: string, answered: Answered, now: Date): Promise<Attempt | null> =>
      belonging(await open(sealed, now), answered),

    /** The result of an answer that came before; null as for attempts. */
    openResult: async (sealed: string, answered: Answered, now: Date): Promise<AttemptResult | null> =>
      belonging(await results.open(sealed, now), answered),
  };
};
