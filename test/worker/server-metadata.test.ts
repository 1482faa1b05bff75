import { describe, expect, it } from 'vitest';
import { createClient } from '../support/worker/client.ts';

const path = '/.well-known/oauth-authorization-server';
type Metadata = Readonly<Record<string, unknown>>;

const metadataOf = async (variables: Record<string, string> = {}, headers: Record<string, string> = {}) => {
  const response = await createClient(variables)('GET', path, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toBe('application/json');
  expect(response.headers.get('Cache-Control')).toBe('public, max-age=300');
  return response.json<Metadata>();
};

const privateKey = async (kind: { name: string } = { name: 'Ed25519' }): Promise<string> => {
  const pair = (await crypto.subtle.generateKey(kind, true, ['sign', 'verify'])) as CryptoKeyPair;
  const der = (await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer;
  return `-----BEGIN PRIVATE KEY-----\n${new Uint8Array(der).toBase64()}\n-----END PRIVATE KEY-----\n`;
};

describe('the metadata of the authorization server', () => {
  // Proves RFC 8414, 2; RFC 8414, 3.3.
  it('names the origin that the client has used, and the endpoints and grants that are there', async () => {
    expect(await metadataOf()).toEqual({
      issuer: 'http://localhost:3002',
      token_endpoint: 'http://localhost:3002/auth/token',
      revocation_endpoint: 'http://localhost:3002/auth/revoke',
      scopes_supported: ['offline_access'],
      response_types_supported: [],
      grant_types_supported: ['password', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      service_documentation: 'http://localhost:3002/docs',
    });
  });

  it('names the origin of API_URL, whatever headers a client sends', async () => {
    const forged = {
      Host: 'evil.example',
      'X-Forwarded-Host': 'evil.example',
      Forwarded: 'host=evil.example',
    };
    const text = JSON.stringify(await metadataOf({ API_URL: 'https://api.example.com' }, forged));
    expect(text).toContain('"issuer":"https://api.example.com"');
    expect(text).not.toMatch(/evil|localhost/);
  });

  it('names the public keys where there are some, and its grants are no others than the served ones', async () => {
    const client = createClient({ JWT_ALGORITHM: 'EdDSA', JWT_PRIVATE_KEY: await privateKey() });
    const metadata = await (await client('GET', path)).json<Metadata>();
    const { pathname } = new URL(String(metadata.jwks_uri));
    expect(await (await client('GET', pathname)).json()).toMatchObject({
      keys: [{ kty: 'OKP', alg: 'EdDSA' }],
    });

    const errorOf = async (grantType: string) => {
      const response = await client('POST', '/auth/token', { form: { grant_type: grantType } });
      return (await response.json<{ error: string }>()).error;
    };
    for (const grant of metadata.grant_types_supported as string[])
      expect(await errorOf(grant), grant).toBe('invalid_request');
    expect(await errorOf('client_credentials')).toBe('unsupported_grant_type');
  });

  // Proves RFC 7517, 5.
  it('leaves the public keys out where there are none, and the empty key set says why and what to do', async () => {
    const client = createClient();
    expect(await (await client('GET', path)).json<Metadata>()).not.toHaveProperty('jwks_uri');
    const response = await client('GET', '/.well-known/jwks.json');
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=300');
    expect(await response.json()).toEqual({
      keys: [],
      detail: expect.stringMatching(/signed with HS256.*npm run secrets:generate -- --algorithm ES256/),
    });
  });

  it('names the public keys as long as one of them may have signed a token, whatever signs today', async () => {
    const former = await privateKey({ name: 'ECDSA', namedCurve: 'P-256' } as never);
    const client = createClient({ JWT_PRIVATE_KEY_PREVIOUS: former });
    const { jwks_uri: uri } = await (await client('GET', path)).json<Metadata>();
    expect(await (await client('GET', new URL(String(uri)).pathname)).json()).toEqual({
      keys: [expect.objectContaining({ kty: 'EC', alg: 'ES256' })],
      detail: expect.stringContaining('signed with HS256'),
    });
    const under = createClient({ JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: former });
    expect(await (await under('GET', '/.well-known/jwks.json')).json()).toEqual({
      keys: [expect.objectContaining({ kty: 'EC', alg: 'ES256' })],
    });
  });
});
