import type { IntrospectionClient } from '../platform/config/introspection-clients.ts';
import { isSameText } from '../platform/crypto/shared-secret.ts';
import type { ClientCredentials } from './rules.ts';

/** No text has this hash that anybody knows. */
const noHash = 'A'.repeat(43);

const hashOf = async (secret: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret));
  return new Uint8Array(digest).toBase64({ alphabet: 'base64url', omitPadding: true });
};

/**
 * Finds the client that has shown its secret, or null. An unknown id costs the same work as a wrong secret, and the hashes
 * are compared in constant time.
 */
export const createClientCheck = (clients: readonly IntrospectionClient[]) => {
  const byId = new Map(clients.map((client) => [client.id, client]));
  return async ({ id, secret }: ClientCredentials): Promise<IntrospectionClient | null> => {
    const client = byId.get(id) ?? null;
    const isRight = await isSameText(await hashOf(secret), client?.secretHash ?? noHash);
    return isRight ? client : null;
  };
};
