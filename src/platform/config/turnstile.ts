import type { Scope } from './scope.ts';
import type { Secret } from './secret.ts';
import type { Settings } from './settings.ts';

export type TurnstileConfig = { readonly secretKey: Secret };

// Cloudflare's keys for tests: 1x passes any token at all, 2x and 3x pass none.
const testKey = /^[123]x0+AA$/;

/** Null: sign-up needs no Turnstile token. */
export const readTurnstile = (settings: Settings, { strict, problem }: Scope): TurnstileConfig | null => {
  const { TURNSTILE_SECRET_KEY: secretKey } = settings;
  if (!secretKey) return null;
  if (strict && testKey.test(secretKey.reveal())) {
    problem('TURNSTILE_SECRET_KEY', "is one of Cloudflare's keys for tests, which check nothing");
  }
  return { secretKey };
};
