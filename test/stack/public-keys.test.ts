import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

const account = { email: 'ada@example.com', password: 'correct horse battery staple' };

const post = (url: string, body: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
const logIn = async ({ url }: Launch): Promise<string> => {
  const response = await post(`${url}/auth/token`, {
    identifier: account.email,
    password: account.password,
  });
  return ((await response.json()) as { access_token: string }).access_token;
};
const statusOf = async ({ url }: Launch, accessToken: string) =>
  (await fetch(`${url}/auth/me`, { headers: { Authorization: `Bearer ${accessToken}` } })).status;

/** As another service does it, which knows the address of this one and no secret. */
const verify = (jwksUri: string, accessToken: string) =>
  jwtVerify(accessToken, createRemoteJWKSet(new URL(jwksUri)), {
    issuer: 'itsor-backend',
    audience: 'itsor-clients',
    typ: 'at+jwt',
    algorithms: ['ES256'],
  });

describe('npm run dev -- --algorithm ES256', () => {
  let dataDirectory: string;
  let port: number;
  let running: Launch | undefined;
  const start = async (...args: string[]) => {
    await running?.stop();
    running = await startStack({ dataDirectory, port, args });
    return running;
  };
  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-'));
    port = await findFreePort();
  });
  afterAll(async () => {
    await running?.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  // Proves RFC 7517, 4.5; RFC 8414, 2.
  it('signs with a key that other services find, keeps it, and logs nobody out on the way there and back', async () => {
    const before = await start();
    expect((await post(`${before.url}/auth/signup`, account)).status).toBe(201);
    const old = await logIn(before);
    expect(before.output()).toContain('HS256: only Itsor verifies them');

    const first = await start('--algorithm', 'ES256');
    expect(first.output()).toContain(`Public keys    ${first.url}/.well-known/jwks.json`);
    expect(first.output()).toContain(join(dataDirectory, 'keys', 'ES256.pem'));
    expect(await statusOf(first, old)).toBe(200);

    // oauth4webapi finds the key set by the address of the service alone.
    const issuer = new URL(first.url);
    const options = { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true } as const;
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, options),
    );
    expect(server.jwks_uri).toBe(`${first.url}/.well-known/jwks.json`);
    const token = await logIn(first);
    const { payload, protectedHeader } = await verify(server.jwks_uri ?? '', token);
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(payload).toMatchObject({ sub: expect.any(String), sid: expect.any(String), roles: ['user'] });
    const forged = token.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"admin"}').toString('base64url')}.`);
    await expect(verify(server.jwks_uri ?? '', forged)).rejects.toThrow('signature verification failed');
    await expect(verify(server.jwks_uri ?? '', old)).rejects.toThrow();

    const second = await start('--algorithm', 'ES256');
    expect(await statusOf(second, token)).toBe(200);
    const { kid } = decodeProtectedHeader(await logIn(second));
    expect(kid).toBe(protectedHeader.kid);

    const back = await start();
    expect(await statusOf(back, token)).toBe(200);
    expect(decodeProtectedHeader(await logIn(back)).alg).toBe('HS256');
  }, 400_000);
});
