import type { RequestContext } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';

const rangeUrl = 'https://api.pwnedpasswords.com/range/';
const prefixLength = 5;
const entry = /^([0-9A-F]{35}):(\d+)$/;

const sha1Hex = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  // Not toHex(), which Node 24 lacks: a program of an operator asks too.
  const digits = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'));
  return digits.join('').toUpperCase();
};

type Options = { readonly fetch: typeof globalThis.fetch; readonly timeoutMs?: number };

type Ask = Pick<RequestContext, 'signal' | 'log'>;

/**
 * Looks a password up in the Pwned Passwords by the first five digits of its SHA-1 (k-anonymity). Where no
 * answer comes, it counts as not leaked: an outage elsewhere must not stop sign-ups. The log says so.
 * @throws AppError `timeout` with its request
 * @see https://haveibeenpwned.com/API/v3#PwnedPasswords
 */
export const createPwnedPasswords =
  ({ fetch, timeoutMs = 1_500 }: Options) =>
  async ({ signal, log }: Ask, password: string): Promise<boolean> => {
    // What is logged are words of ours: an error from elsewhere might quote the address, and with it the hash.
    const notAsked = (reason: string) => {
      log.warn('the Pwned Passwords could not be asked', { reason });
      return false;
    };

    const hash = await sha1Hex(password);
    const timeLimit = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(rangeUrl + hash.slice(0, prefixLength), {
        // Padding hides from who counts the bytes which range was asked for; the API wants a user agent.
        headers: { 'Add-Padding': 'true', 'User-Agent': 'itsor' },
        signal: AbortSignal.any([signal, timeLimit]),
      });
      if (!response.ok) return notAsked(`answered ${response.status}`);
      const entries = (await response.text()).split('\n').flatMap((line) => {
        const [, suffix, count] = entry.exec(line.trim()) ?? [];
        return suffix === undefined ? [] : [{ suffix, count: Number(count) }];
      });
      // No range is empty, so an answer without entries is not one.
      if (entries.length === 0) return notAsked('answered without a list');
      return entries.some(({ suffix, count }) => suffix === hash.slice(prefixLength) && count > 0);
    } catch (cause) {
      if (signal.aborted) throw new AppError('timeout', { cause });
      return notAsked(timeLimit.aborted ? `no answer within ${timeoutMs} ms` : 'cannot be reached');
    }
  };
