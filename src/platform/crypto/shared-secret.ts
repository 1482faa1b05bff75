import type { Secret } from '../config/secret.ts';

export type IsSharedSecret = (given: string | undefined) => Promise<boolean>;

const digest = (text: string): Promise<ArrayBuffer> =>
  crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));

/** Compares in constant time: the digests are of one length, whatever was given. */
export const createSharedSecret =
  (secret: Secret): IsSharedSecret =>
  async (given) => {
    const [one, other] = await Promise.all([digest(given ?? ''), digest(secret.reveal())]);
    return given !== undefined && crypto.subtle.timingSafeEqual(one, other);
  };
