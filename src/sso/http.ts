import type { Context } from 'hono';
import type { Config } from '../platform/config/schema.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { cookieLengths, readSingleCookie, setHttpOnlyCookie } from '../platform/http/cookies.ts';
import { attemptTtlSeconds, keptAttempts } from './rules.ts';

type CookieConfig = Config['cookies'];

const encoder = new TextEncoder();

/**
 * The cookie of the attempt with that state. Each attempt has one of its own, so that tabs do not disturb each other, and
 * an answer with a foreign state touches none. The name is a digest: its length is fixed, whatever a client sends.
 */
const nameOf = async ({ attemptName }: CookieConfig, state: string): Promise<string> => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(state)));
  return `${attemptName}_${digest.slice(0, 8).toHex()}`;
};

/** Always `Lax`, because the answer comes from another site. */
const setAttemptCookie = (c: Context<AppEnv>, config: CookieConfig, name: string, sealed: string | null) => {
  const maxAge = sealed === null ? 0 : attemptTtlSeconds;
  setHttpOnlyCookie(c, { ...config, sameSite: 'lax' }, name, config.attemptPath, sealed ?? '', maxAge);
};

/**
 * Keeps a new attempt. A browser has a few at most, so that its requests stay small; the oldest go. Browsers send the
 * oldest cookies first (RFC 6265 section 5.4).
 */
export const keepAttempt = async (
  c: Context<AppEnv>,
  config: CookieConfig,
  { state, sealed }: { readonly state: string; readonly sealed: string },
): Promise<void> => {
  const own = await nameOf(config, state);
  let characters = own.length + sealed.length;
  for (const [index, [name, length]] of cookieLengths(c, `${config.attemptName}_`).reverse().entries()) {
    characters += length;
    const isKept = index + 1 < keptAttempts.max && characters <= keptAttempts.characters;
    if (!isKept) setAttemptCookie(c, config, name, null);
  }
  setAttemptCookie(c, config, own, sealed);
};

/** The attempt of an answer, as the browser keeps it. @throws AppError `duplicate_cookie` */
export const readAttempt = async (c: Context<AppEnv>, config: CookieConfig, state: string) => {
  const name = await nameOf(config, state);
  return {
    sealed: readSingleCookie(c, name),
    /** Replaces it by its result; null ends it. */
    replace: (sealed: string | null) => setAttemptCookie(c, config, name, sealed),
  };
};
