import { describe, expect, it } from 'vitest';
import {
  cookiesOf,
  createBrowser,
  createClient,
  newAccount,
  newEmail,
  password,
  type Tokens,
} from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { billing, claimsOf, orders, tokensFor, withServices } from '../support/worker/introspection.ts';
import { lenient } from '../support/worker/moves.ts';

const client = createClient({ ...withServices, ...lenient });
const own = 'itsor-clients';

const me = (bearer: string) => client('GET', '/auth/me', { bearer });
const byForm = (email: string, more: Record<string, string> = {}) =>
  client('POST', '/auth/token', {
    form: { grant_type: 'password', username: email, password, scope: 'offline_access', ...more },
  });
const byJson = (email: string, more: object = {}) =>
  client('POST', '/auth/token', { json: { email, password, scope: 'offline_access', ...more } });
const refreshed = (token: string, more: Record<string, string> = {}) =>
  client('POST', '/auth/token', { form: { grant_type: 'refresh_token', refresh_token: token, ...more } });
const audienceOf = async (response: Response): Promise<unknown> => {
  expect(response.status).toBe(200);
  return claimsOf((await response.json<Tokens>()).access_token).aud;
};

describe('`resource` of the token endpoint (RFC 8707)', () => {
  // Proves RFC 8707, 2.
  it('chooses the audience of the access token, by form and by JSON', async () => {
    const { user } = await newAccount(client);
    expect(await audienceOf(await byForm(user.email, { resource: orders }))).toBe(orders);
    expect(await audienceOf(await byJson(user.email, { resource: billing }))).toBe(billing);
    expect(await audienceOf(await byForm(user.email, { resource: own }))).toBe(own);
  });

  it('may be absent or empty, and then the token is for the service itself', async () => {
    const { user } = await newAccount(client);
    expect(await audienceOf(await byForm(user.email))).toBe(own);
    expect(await audienceOf(await byForm(user.email, { resource: '' }))).toBe(own);
    expect(await audienceOf(await byJson(user.email, { resource: null }))).toBe(own);
  });

  it('is chosen anew by each refresh: the refresh token belongs to the session', async () => {
    const { user } = await newAccount(client);
    const first = await tokensFor(client, orders, user.email, password);
    const second = await refreshed(first.refresh_token, { resource: billing });
    const { access_token, refresh_token = '' } = await second.json<Tokens>();
    expect(claimsOf(access_token).aud).toBe(billing);
    expect(await audienceOf(await refreshed(refresh_token))).toBe(own);
  });

  it('of an unknown service is invalid_target by form, and /resource is refused by JSON', async () => {
    const { user, refresh_token } = await newAccount(client);
    for (const response of [
      await byForm(user.email, { resource: 'https://unknown.example' }),
      await byForm(user.email, { resource: `${orders}/` }),
      await refreshed(refresh_token, { resource: 'https://unknown.example' }),
      await client('POST', '/auth/token', {
        body: new URLSearchParams([
          ['grant_type', 'password'],
          ['username', user.email],
          ['password', password],
          ['resource', orders],
          ['resource', billing],
        ]),
      }),
    ]) {
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: 'invalid_target', code: 'validation_failed' });
    }
    const json = await byJson(user.email, { resource: 'https://unknown.example' });
    expect(json.status).toBe(422);
    expect(await json.json()).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer: '/resource', code: 'unsupported' }],
    });
  });

  it('of an unknown service opens no session, takes no refresh token away and counts as no attempt', async () => {
    const { user, refresh_token } = await newAccount(client);
    const sessionsOf = () =>
      sql`select refresh_counter from sessions where user_id = ${user.id} order by id`.then(String);
    const before = await sessionsOf();
    await refreshed(refresh_token, { resource: 'https://unknown.example' });
    for (let guess = 0; guess < 8; guess++) {
      const response = await byForm(user.email, { password: 'wrong', resource: 'https://unknown.example' });
      expect(response.status).toBe(400);
    }
    expect(await sessionsOf()).toBe(before);
    expect((await byForm(user.email)).status).toBe(200);
  });
});

describe('an access token for another service', () => {
  it('is refused by our own routes as a bearer token and as a cookie', async () => {
    const { user } = await newAccount(client);
    const { access_token: token } = await tokensFor(client, orders, user.email, password);
    for (const credential of [{ bearer: token }, { cookies: { itsor_session: token } }]) {
      for (const [method, path, json] of [
        ['GET', '/auth/me', undefined],
        ['PATCH', '/users/me', { username: null }],
        ['GET', '/auth/sessions', undefined],
        ['POST', '/auth/logout', { scope: 'global' }],
      ] as const) {
        const response = await client(method, path, { ...credential, ...(json && { json }) });
        expect([path, response.status]).toEqual([path, 401]);
        expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
      }
    }
  });

  it('sets no cookies and ends no session of the browser', async () => {
    const { user } = await newAccount(client);
    const browser = createBrowser(client);
    await browser('POST', '/auth/token', { json: { email: user.email, password } });
    for (const init of [
      { json: { email: user.email, password, resource: orders } },
      { form: { grant_type: 'password', username: user.email, password, resource: orders } },
    ]) {
      const response = await browser('POST', '/auth/token', init);
      expect(response.status).toBe(200);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect((await browser('GET', '/auth/me')).status).toBe(200);
    }
    const { refresh_token } = await tokensFor(client, orders, user.email, password);
    expect((await refreshed(refresh_token, { resource: orders })).headers.getSetCookie()).toEqual([]);
  });

  it('is not what a browser gets that names our own audience', async () => {
    const { user } = await newAccount(client);
    const response = await byJson(user.email, { resource: own });
    expect(claimsOf(cookiesOf(response).get('itsor_session')?.value ?? '').aud).toBe(own);
  });

  it('is not what the form of the pages gives, whatever else was sent', async () => {
    const { user } = await newAccount(client);
    const response = await client('POST', '/account/login', {
      form: { identifier: user.email, password, resource: orders },
    });
    expect(response.status).toBe(303);
    expect(claimsOf(cookiesOf(response).get('itsor_session')?.value ?? '').aud).toBe(own);
  });

  // Proves RFC 7009, 2.1.
  it('ends its session by a revocation and not by a logout', async () => {
    const { user } = await newAccount(client);
    const { access_token, refresh_token } = await tokensFor(client, orders, user.email, password);
    const { access_token: ours } = await (await refreshed(refresh_token)).json<Tokens>();
    expect((await client('POST', '/auth/logout', { bearer: access_token })).status).toBe(204);
    expect((await me(ours)).status).toBe(200);
    expect((await client('POST', '/auth/revoke', { form: { token: access_token } })).status).toBe(200);
    expect((await me(ours)).status).toBe(401);
  });

  it('cannot be had without JWT_AUDIENCES', async () => {
    const plain = createClient(lenient);
    const email = newEmail();
    await newAccount(plain, email);
    const form = { grant_type: 'password', username: email, password, resource: orders };
    expect(await (await plain('POST', '/auth/token', { form })).json()).toMatchObject({
      error: 'invalid_target',
    });
  });
});
