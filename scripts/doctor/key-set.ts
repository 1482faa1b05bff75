import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, type JSONWebKeySet } from 'jose';
import type { Config } from '../../src/platform/config/schema.ts';
import { causeOf } from '../program/reason.ts';
import { type Finding, failure, note, ok, verdict } from './report.ts';

type JwtConfig = Pick<Config['jwt'], 'algorithm' | 'privateKey' | 'previousPrivateKeys'>;

const check = 'key set';
const path = '/.well-known/jwks.json';
const timeoutMs = 15_000;

/** Whether other services can verify access tokens; with a service, whether it publishes the key that signs them. */
export const inspectKeySet = async (
  { algorithm, privateKey, previousPrivateKeys }: JwtConfig,
  url: string | undefined,
): Promise<Finding> => {
  const has = previousPrivateKeys.length === 0 ? 'is empty' : 'has former keys alone';
  if (privateKey === null)
    return note(
      check,
      `the key set ${has} because tokens are signed with ${algorithm}: other services cannot verify them offline; npm run secrets:generate -- --algorithm ES256 makes a key that they can use, and npm run secrets:rotate -- --env … --algorithm ES256 brings it into a service that runs`,
    );
  if (url === undefined)
    return ok(check, `tokens are signed with ${algorithm}: other services verify them with ${path}`);
  return inspectServed(`${url}${path}`, algorithm, privateKey.reveal());
};

const inspectServed = async (url: string, algorithm: string, pem: string): Promise<Finding> => {
  // Of several blocks Node reads the first, which is the one that signs.
  const signing = await calculateJwkThumbprint(createPublicKey(pem).export({ format: 'jwk' }));
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    const { keys } = (await response.json()) as JSONWebKeySet;
    if (response.status !== 200) return failure(check, `${url} is answered ${response.status}`);
    return verdict(
      check,
      keys.some(({ kid, alg }) => kid === signing && alg === algorithm),
      `${url} has the key that signs tokens with ${algorithm}`,
      `${url} lacks the public half of JWT_PRIVATE_KEY: other services cannot verify what it signs`,
    );
  } catch (error) {
    return failure(check, `${url} is no key set: ${causeOf(error as Error).message}`);
  }
};
