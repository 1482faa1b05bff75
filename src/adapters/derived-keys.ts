import type { Secret } from '../config/secret.ts';

/** What a derived key is for; one label, one key, so that no use can stand in for another. */
export type KeyLabel = 'refresh-token' | 'one-time-token' | 'upload-url';

export type MacKeys = {
  /** HMAC-SHA-256 under the current key, base64url without padding: 43 characters. */
  readonly sign: (text: string) => Promise<string>;
  /** Whether the MAC was made by the current or a previous key; the comparison takes constant time. */
  readonly verify: (text: string, mac: string) => Promise<boolean>;
};

const encoder = new TextEncoder();

const deriveKey = async (secret: Secret, label: KeyLabel): Promise<CryptoKey> => {
  const material = await crypto.subtle.importKey('raw', encoder.encode(secret.reveal()), 'HKDF', false, [
    'deriveKey',
  ]);
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(`itsor ${label}`) },
    material,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign', 'verify'],
  );
};

/** Of the last of 43 characters two bits are no part of the MAC (RFC 4648 section 3.5); they must be zero. */
const decode = (mac: string): Uint8Array<ArrayBuffer> | null => {
  try {
    return Uint8Array.fromBase64(`${mac}=`, { alphabet: 'base64url', lastChunkHandling: 'strict' });
  } catch {
    return null;
  }
};

/** MAC keys from SECRET_KEY and its predecessors by HKDF (RFC 5869), one label each. */
export const createMacKeys = (secrets: readonly Secret[], label: KeyLabel): MacKeys => {
  // The keys are kept, not the promise of them: a promise belongs to the request that made it.
  let derived: CryptoKey[] | undefined;
  const keys = async () => {
    derived ??= await Promise.all(secrets.map((secret) => deriveKey(secret, label)));
    return derived;
  };

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
