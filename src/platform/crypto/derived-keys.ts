import type { Secret } from '../config/secret.ts';

/** The purpose of a derived key. Each label has a key of its own, so that no purpose can stand in for another. */
export type KeyLabel =
  | 'refresh-token'
  | 'one-time-token'
  | 'upload-url'
  | 'sign-on-attempt'
  | 'sign-on-result'
  | 'mail-recipient'
  | 'sign-up-attempt';

export type MacKeys = {
  /** HMAC-SHA-256 under the current key, base64url without padding: 43 characters. */
  readonly sign: (text: string) => Promise<string>;
  /** Whether the current or a previous key made the MAC; the comparison takes constant time. */
  readonly verify: (text: string, mac: string) => Promise<boolean>;
};

const encoder = new TextEncoder();

const signing = {
  algorithm: { name: 'HMAC', hash: 'SHA-256', length: 256 },
  usages: ['sign', 'verify'],
};
const sealing = { algorithm: { name: 'AES-GCM', length: 256 }, usages: ['encrypt', 'decrypt'] };

const deriveKey = async (
  secret: Secret,
  label: KeyLabel,
  { algorithm, usages }: typeof signing | typeof sealing,
): Promise<CryptoKey> => {
  const material = await crypto.subtle.importKey('raw', encoder.encode(secret.reveal()), 'HKDF', false, [
    'deriveKey',
  ]);
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(`itsor ${label}`) },
    material,
    algorithm,
    false,
    usages,
  );
};

/** The keys of all secrets, the current one first. It caches the keys and never the promise, which belongs to a request. */
const createKeys = (
  secrets: readonly Secret[],
  label: KeyLabel,
  use: typeof signing | typeof sealing,
): (() => Promise<readonly CryptoKey[]>) => {
  let derived: CryptoKey[] | undefined;
  return async () => {
    derived ??= await Promise.all(secrets.map((secret) => deriveKey(secret, label, use)));
    return derived;
  };
};

/** The last of 43 characters has two unused bits, which must be zero (RFC 4648 section 3.5). */
const decode = (mac: string): Uint8Array<ArrayBuffer> | null => {
  try {
    return Uint8Array.fromBase64(`${mac}=`, { alphabet: 'base64url', lastChunkHandling: 'strict' });
  } catch {
    return null;
  }
};

/** MAC keys, derived from SECRET_KEY and its predecessors by HKDF (RFC 5869). */
export const createMacKeys = (secrets: readonly Secret[], label: KeyLabel): MacKeys => {
  const keys = createKeys(secrets, label, signing);

  return {
    sign: async (text) => {
      const [current] = await keys();
      if (!current) throw new Error(`no key for ${label}`);
      return new Uint8Array(await crypto.subtle.sign('HMAC', current, encoder.encode(text))).toBase64({
        alphabet: 'base64url',
        omitPadding: true,
      });
    },
    verify: async (text, mac) => {
      const bytes = decode(mac);
      if (!bytes) return false;
      for (const key of await keys()) {
        if (await crypto.subtle.verify('HMAC', key, bytes, encoder.encode(text))) return true;
      }
      return false;
    },
  };
};

/** AES-256-GCM keys, derived from the same secrets: the first key seals, every key opens. */
export const createSealKeys = (
  secrets: readonly Secret[],
  label: KeyLabel,
): (() => Promise<readonly CryptoKey[]>) => createKeys(secrets, label, sealing);
