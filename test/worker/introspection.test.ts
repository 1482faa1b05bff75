import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import * as oauth from 'oauth4webapi';
import { describe, expect, it, vi } from 'vitest';
import { createWorker } from '../../src/worker.ts';
import { newAccountWith, newRole } from '../support/worker/administrators.ts';
import { type Client, createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { injectFault } from '../support/worker/database-faults.ts';
import {
  basic,
  billing,
  introspect,
  orders,
  secrets,
  tokensFor,
  withServices,
} from '../support/worker/introspection.ts';
import { createMoves, lenient } from '../support/worker/moves.ts';

type Answer = { active: boolean } & Record<string, unknown>;
type Owner = { id: string; email: string; token: string; refreshToken: string };

const client = createClient({ ...withServices, ...lenient });
const moves = createMoves(client);

const ask = async (...given: Parameters<typeof introspect>): Promise<Answer> => {
  const response = await introspect(...given);
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json<Answer>();
};
const inactive = { active: false };

/** An account with an access token for `orders`. */
const newOwner = async (from: Client = client): Promise<Owner> => {
  const { user } = await newAccount(from);
  const tokens = await tokensFor(from, orders, user.email, password);
  return { id: user.id, email: user.email, token: tokens.access_token, refreshToken: tokens.refresh_token };
};
/** The gate knows the session after this. */
const warm = async (token: string): Promise<void> => {
  expect(await ask(client, token)).toMatchObject({ active: true });
  expect(await countRoundTrips(() => ask(client, token)), 'the gate knows the session').toBe(0);
};

describe('POST /auth/introspect (RFC 7662)', () => {
  // Proves RFC 7662, 2.2.
  it('tells what a token stands for, and keeps no copy of the answer', async () => {
    const { id, token } = await newOwner();
    const response = await introspect(client, token);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    const answer = await response.json<Answer>();
    expect(answer).toEqual({
      active: true,
      sub: id,
      sid: expect.any(String),
      roles: ['user'],
      permissions: [],
      aud: orders,
      iss: 'itsor-backend',
      iat: expect.any(Number),
      exp: Number(answer.iat) + 3600,
      jti: expect.any(String),
      token_type: 'Bearer',
    });
  });

  it('gives a user name where there is one, and an address only where it is proved', async () => {
    const email = newEmail();
    await newAccount(client, email);
    const { access_token: token } = await tokensFor(client, orders, email, password);
    expect(await ask(client, token)).not.toHaveProperty('email');
    expect(await moves.verify(email)).toBe(204);
    const username = `name${crypto.randomUUID().slice(0, 8)}`;
    await sql`update users set username = ${username} where email = ${email}`;
    const { access_token: later } = await tokensFor(client, orders, email, password);
    expect(await ask(client, later)).toMatchObject({ email, username });
  });

  it('tells the roles and permissions of now, and no permission before a new password is chosen', async () => {
    const role = await newRole('users:read');
    const { user } = await newAccountWith(client, role);
    const { access_token: token } = await tokensFor(client, orders, user.email, password);
    expect(await ask(client, token)).toMatchObject({ permissions: ['users:read'] });
    await sql`update users set must_change_password = true where id = ${user.id}`;
    const { access_token: later } = await tokensFor(client, orders, user.email, password);
    expect(await ask(client, later)).toMatchObject({ active: true, permissions: [] });
  });

  it("is inactive for a token that is meant for another service, or for Itsor's own routes", async () => {
    const { email, token, refreshToken } = await newOwner();
    const { access_token: forBilling } = await tokensFor(client, billing, email, password);
    const { access_token: own } = await newAccount(client);
    expect(await ask(client, token, 'billing')).toEqual(inactive);
    expect(await ask(client, forBilling, 'orders')).toEqual(inactive);
    expect(await ask(client, forBilling, 'billing')).toMatchObject({ active: true, aud: billing });
    for (const other of [own, refreshToken, 'made.up.token', `${token}x`])
      expect(await ask(client, other)).toEqual(inactive);
  });

  // Proves RFC 7662, 2.1.
  it('ignores token_type_hint', async () => {
    const { token } = await newOwner();
    const form = { token, token_type_hint: 'refresh_token' };
    const headers = basic('orders', secrets.orders);
    expect(await (await client('POST', '/auth/introspect', { form, headers })).json()).toMatchObject({
      active: true,
    });
  });

  it('is inactive from `exp` on, without a leeway', async () => {
    const { token } = await newOwner();
    const { exp } = await ask(client, token);
    const at = async (seconds: number) => {
      const clock = () => new Date((Number(exp) + seconds) * 1000);
      const { app } = createWorker({ ...env, ...withServices } as never, { clock });
      const init = {
        method: 'POST',
        body: new URLSearchParams({ token }),
        headers: basic('orders', secrets.orders),
      };
      const response = await app.request('/auth/introspect', init, {}, createExecutionContext());
      return response.json<Answer>();
    };
    expect(await at(-2)).toMatchObject({ active: true });
    expect(await at(0)).toEqual(inactive);
  });

  it.each([
    [
      'a logout of its session',
      async ({ refreshToken }: Owner) =>
        client('POST', '/auth/logout', { cookies: { itsor_session_refresh: refreshToken } }),
    ],
    ['a revocation', async ({ token }: Owner) => client('POST', '/auth/revoke', { form: { token } })],
    [
      'the deletion of the account',
      async ({ email }: Owner) => {
        const login = await client('POST', '/auth/token', { json: { email, password } });
        const { access_token: bearer } = await login.json<{ access_token: string }>();
        return client('DELETE', '/users/me', { bearer, json: { password } });
      },
    ],
  ])('is inactive on the next call after the answer to %s', async (_way, end) => {
    const owner = await newOwner();
    await warm(owner.token);
    expect((await end(owner)).status).toBeLessThan(300);
    expect(await ask(client, owner.token)).toEqual(inactive);
  });

  it('is inactive for a disabled account, and for an unproved address where it is required', async () => {
    const disabled = await newOwner();
    await sql`update users set disabled_at = now() where id = ${disabled.id}`;
    expect(await ask(client, disabled.token)).toEqual(inactive);
    const unproved = await newOwner();
    const strict = createClient({ ...withServices, ...lenient, EMAIL_VERIFICATION: 'required' });
    await warm(unproved.token);
    expect(await ask(strict, unproved.token)).toEqual(inactive);
  });

  it('answers 503 where the database is down and the gate knows nothing, never that a token is inactive', async () => {
    const [known, unknown] = [await newOwner(), await newOwner()];
    await warm(known.token);
    const { repair } = injectFault(() => Promise.reject(new TypeError('the connection was refused')));
    try {
      const response = await introspect(client, unknown.token);
      expect(response.status).toBe(503);
      expect(await response.text()).not.toContain('active');
      expect(await ask(client, known.token)).toMatchObject({ active: true });
    } finally {
      repair();
    }
  });
});

describe('the services that ask', () => {
  const refused = async (headers: Record<string, string>, more: Record<string, string> = {}) => {
    const form = { token: 'made.up.token', ...more };
    const response = await client('POST', '/auth/introspect', { form, headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Basic realm=/);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ error: 'invalid_client', code: 'invalid_client' });
  };

  // Proves RFC 6749, 2.3.1; RFC 6749, 5.2.
  it('are refused without the right id and secret', async () => {
    await refused({});
    await refused(basic('orders', secrets.billing));
    await refused(basic('orders', ''));
    await refused(basic('unknown', secrets.orders));
    await refused({ Authorization: 'Basic' });
    await refused({ Authorization: 'Basic !!!' });
    await refused({ Authorization: `Basic ${btoa('no colon')}` });
    await refused({ Authorization: `Basic ${btoa('orders:%zz')}` });
    await refused({ Authorization: `Bearer ${secrets.orders}` });
    await refused({}, { client_id: 'orders', client_secret: secrets.billing });
    await refused({}, { client_id: 'orders' });
    await refused({}, { client_secret: secrets.orders });
  });

  it('authenticate by the header, form-encoded, or by the form, and not by both', async () => {
    const { token } = await newOwner();
    const encoded = secrets.orders.replaceAll('_', '%5F').replaceAll('n', '%6e');
    expect(await ask(client, token, 'orders', basic('%6frders', encoded))).toMatchObject({ active: true });
    const form = { token, client_id: 'orders', client_secret: secrets.orders };
    const posted = await client('POST', '/auth/introspect', { form });
    expect(await posted.json()).toMatchObject({ active: true });
    const headers = basic('orders', secrets.orders);
    const both = await client('POST', '/auth/introspect', { form, headers });
    expect(both.status).toBe(400);
    expect(await both.json()).toMatchObject({ error: 'invalid_request' });
  });

  it('cost the same work with an unknown id as with a wrong secret', async () => {
    const digests = vi.spyOn(crypto.subtle, 'digest');
    const comparisons = vi.spyOn(crypto.subtle, 'timingSafeEqual');
    const costOf = async (id: string) => {
      digests.mockClear();
      comparisons.mockClear();
      await refused(basic(id, 'wrong'));
      return [digests.mock.calls.length, comparisons.mock.calls.length];
    };
    try {
      await costOf('orders');
      expect(await costOf('orders')).toEqual([3, 1]);
      expect(await costOf('unknown')).toEqual([3, 1]);
    } finally {
      digests.mockRestore();
      comparisons.mockRestore();
    }
  });

  it('must send a token, in a form', async () => {
    const headers = basic('orders', secrets.orders);
    const empty = await client('POST', '/auth/introspect', { form: {}, headers });
    expect(empty.status).toBe(400);
    expect(await empty.json()).toMatchObject({ error: 'invalid_request' });
    const json = await client('POST', '/auth/introspect', { json: { token: 'x' }, headers });
    expect(json.status).toBe(415);
  });

  it('are not there where none is configured: the route is 404, and the metadata do not name it', async () => {
    const plain = createClient(lenient);
    expect((await introspect(plain, 'made.up.token')).status).toBe(404);
    const metadata = await plain('GET', '/.well-known/oauth-authorization-server');
    expect(await metadata.text()).not.toContain('introspect');
  });

  it('are not limited while they are answered, and guesses count for their network', async () => {
    const few = createClient({ ...withServices, RATE_LIMIT_MAX: '5' });
    const { token } = await newOwner();
    for (let asked = 0; asked < 8; asked++) expect(await ask(few, token)).toMatchObject({ active: true });
    const statuses: number[] = [];
    for (let guess = 0; guess < 5; guess++) {
      const response = await introspect(few, token, 'orders', basic('orders', 'wrong'));
      statuses.push(response.status);
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect(await ask(few, token)).toMatchObject({ active: true });
  });

  it('do not use up the limit of the person whose token they ask about', async () => {
    const few = createClient({ ...withServices, RATE_LIMIT_MAX: '3' });
    const { email, token } = await newOwner();
    const own = await client('POST', '/auth/token', { json: { email, password } });
    const { access_token: bearer } = await own.json<{ access_token: string }>();
    for (let asked = 0; asked < 6; asked++) await ask(few, token);
    expect((await few('GET', '/auth/me', { bearer })).status).toBe(200);
  });
});

describe('oauth4webapi', () => {
  it.each([
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ] as const)('finds the endpoint by the metadata and asks by %s', async (_method, authentication) => {
    const { id, token } = await newOwner();
    const fetchFrom = async (url: string, init: RequestInit) =>
      client(init.method ?? 'GET', new URL(url).pathname, {
        headers: Object.fromEntries(new Headers(init.headers)),
        body: init.body ?? null,
      });
    const options = { [oauth.customFetch]: fetchFrom as never, [oauth.allowInsecureRequests]: true };
    const issuer = new URL('http://localhost:3002');
    const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' });
    const server = await oauth.processDiscoveryResponse(issuer, discovered);
    const by = { client_id: 'orders' };
    const response = await oauth.introspectionRequest(
      server,
      by,
      authentication(secrets.orders),
      token,
      options,
    );
    expect(await oauth.processIntrospectionResponse(server, by, response)).toMatchObject({
      active: true,
      sub: id,
      aud: orders,
    });
  });
});
