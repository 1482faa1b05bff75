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
 * Contents as a client carries them: a JWE (RFC 7516) under a key of their own, so that nothing has to be stored, and
 * nobody reads them or makes any that we have not sealed.
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

    /** Null for what is not ours, or is too old. */
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
