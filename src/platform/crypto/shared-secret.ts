import type { Secret } from '../config/secret.ts';

export type IsSharedSecret = (given: string | undefined) => Promise<boolean>;

const digest = (text: string): Promise<ArrayBuffer> =>
  crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));

/** Compares two texts in constant time, whatever their lengths: it compares their digests. */
export const isSameText = async (one: string, other: string): Promise<boolean> => {
  const [left, right] = await Promise.all([digest(one), digest(other)]);
  return crypto.subtle.timingSafeEqual(left, right);
};

/** A check of a secret that a caller presents, in constant time. */
export const createSharedSecret =
  (secret: Secret): IsSharedSecret =>
  async (given) =>
    (await isSameText(given ?? '', secret.reveal())) && given !== undefined;
