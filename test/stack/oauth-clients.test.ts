import { OAuth2Client } from '@badgateway/oauth2-client';
import * as openid from 'openid-client';
import { ResourceOwnerPassword } from 'simple-oauth2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Launch, startStack } from '../support/node/stack.ts';

const password = 'correct horse battery staple';
const username = 'ada@example.com';
let stack: Launch;

const me = (accessToken: unknown) =>
  fetch(new URL('/auth/me', stack.url), { headers: { Authorization: `Bearer ${String(accessToken)}` } });

beforeAll(async () => {
  stack = await startStack();
  const response = await fetch(new URL('/auth/signup', stack.url), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: username, password }),
  });
  expect(response.status).toBe(201);
});
afterAll(() => stack?.stop());

describe('OAuth 2 clients work unchanged', () => {
  // Proves RFC 6749, 4.3.
  it('simple-oauth2: password, refresh, revoke', async () => {
    const client = new ResourceOwnerPassword({
      client: { id: 'app', secret: 'not checked' },
      auth: { tokenHost: stack.url, tokenPath: '/auth/token', revokePath: '/auth/revoke' },
    });
    const token = await client.getToken({ username, password, scope: 'offline_access' });
    expect(token.expired()).toBe(false);
    expect((await me(token.token.access_token)).status).toBe(200);

    const refreshed = await token.refresh();
    expect(refreshed.token.refresh_token).not.toBe(token.token.refresh_token);
    expect((await me(refreshed.token.access_token)).status).toBe(200);

    await refreshed.revokeAll();
    expect((await me(refreshed.token.access_token)).status).toBe(401);
  });

  // Proves RFC 6749, 5.1.
  it('openid-client: password and refresh grants, and the error of a wrong password', async () => {
    const server = {
      issuer: stack.url,
      token_endpoint: `${stack.url}/auth/token`,
      revocation_endpoint: `${stack.url}/auth/revoke`,
    };
    const config = new openid.Configuration(server, 'app', undefined, openid.None());
    openid.allowInsecureRequests(config);
    const grant = (credentials: Record<string, string>) =>
      openid.genericGrantRequest(config, 'password', credentials);

    const tokens = await grant({ username, password, scope: 'offline_access' });
    expect((await me(tokens.access_token)).status).toBe(200);
    const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '');
    expect((await me(refreshed.access_token)).status).toBe(200);
    await openid.tokenRevocation(config, refreshed.refresh_token ?? '');
    expect((await me(refreshed.access_token)).status).toBe(401);

    await expect(grant({ username, password: 'wrong' })).rejects.toMatchObject({
      error: 'invalid_grant',
      status: 400,
    });
  });

  // Proves RFC 8414, 3.3.
  it('openid-client: discovery by the address of the service alone', async () => {
    const config = await openid.discovery(new URL(stack.url), 'app', undefined, openid.None(), {
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    });
    const credentials = { username, password, scope: 'offline_access' };
    const tokens = await openid.genericGrantRequest(config, 'password', credentials);
    const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '');
    await openid.tokenRevocation(config, refreshed.refresh_token ?? '');
    expect((await me(refreshed.access_token)).status).toBe(401);
  });

  // Proves RFC 6749, 5.2.
  it('@badgateway/oauth2-client: password and refresh grants, and the error of a wrong password', async () => {
    const client = new OAuth2Client({ server: stack.url, clientId: 'app', tokenEndpoint: '/auth/token' });
    const tokens = await client.password({ username, password, scope: ['offline_access'] });
    expect((await me(tokens.accessToken)).status).toBe(200);
    const refreshed = await client.refreshToken(tokens);
    expect((await me(refreshed.accessToken)).status).toBe(200);
    await expect(client.password({ username, password: 'wrong' })).rejects.toMatchObject({
      oauth2Code: 'invalid_grant',
    });
  });
});
