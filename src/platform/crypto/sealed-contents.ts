import { EncryptJWT, type JWTPayload, jwtDecrypt } from 'jose';
import type * as z from 'zod';
import type { Secret } from '../config/secret.ts';
import { createSealKeys, type KeyLabel } from './derived-keys.ts';

const header = { alg: 'dir', enc: 'A256GCM' } as const;

type Sealing<Contents> = {
  readonly label: KeyLabel;
  readonly schema: z.ZodType<Contents>;
  readonly ttlSeconds: number;
};

/**
 * Contents that a client carries as a JWE (RFC 7516) under a key of their own: the service stores nothing, and the client
 * can neither read nor forge them.
 */
export const createSealedContents = <Contents extends JWTPayload>(
  secrets: readonly Secret[],
  { label, schema, ttlSeconds }: Sealing<Contents>,
) => {
  const keys = createSealKeys(secrets, label);
  return {
    seal: async (contents: Contents, now: Date): Promise<string> => {
      const [current] = await keys();
      if (!current) throw new Error(`no key for ${label}`);
      const seconds = Math.floor(now.getTime() / 1000);
      return new EncryptJWT(contents)
        .setProtectedHeader(header)
        .setExpirationTime(seconds + ttlSeconds)
        .encrypt(current);
    },

    /** Null for a text that is forged, malformed or older than `ttlSeconds`. */
    open: async (sealed: string, now: Date): Promise<Contents | null> => {
      for (const key of await keys()) {
        const opened = await jwtDecrypt(sealed, key, {
          currentDate: now,
          requiredClaims: ['exp'],
          keyManagementAlgorithms: [header.alg],
          contentEncryptionAlgorithms: [header.enc],
        }).catch(() => null);
        const contents = opened && schema.safeParse(opened.payload);
        if (contents?.success) return contents.data;
      }
      return null;
    },
  };
};
