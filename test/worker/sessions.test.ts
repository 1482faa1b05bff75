import { describe, expect, it } from 'vitest';
import { eventsAbout } from '../support/worker/administrators.ts';
import { cookiesOf, createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';

const client = createClient();
const me = (bearer: string, by = client) => by('GET', '/auth/me', { bearer });

const loginAgain = async (email: string) => {
  const response = await client('POST', '/auth/token', {
    json: { email, password, scope: 'offline_access' },
  });
  return response.json<Required<Tokens>>();
};

const twoSessions = async () => {
  const one = await newAccount(client);
  return { one, two: await loginAgain(one.user.email) };
};

describe('GET /auth/me and /users/me', () => {
  it.each(['/auth/me', '/users/me'])('%s answers by bearer and by cookie alike', async (path) => {
    const account = await newAccount(client);
    const byBearer = await client('GET', path, { bearer: account.access_token });
    const byCookie = await client('GET', path, { cookies: { itsor_session: account.access_token } });
    expect(byBearer.status).toBe(200);
    expect(byBearer.headers.get('Cache-Control')).toBe('no-store');
    expect(await byBearer.json()).toEqual(account.user);
    expect(await byCookie.json()).toEqual(account.user);
  });

  // Proves RFC 6750, 2.1.
  it('lets the bearer token win over the cookie', async () => {
    const [one, two] = [await newAccount(client), await newAccount(client)];
    const response = await client('GET', '/auth/me', {
      bearer: one.access_token,
      cookies: { itsor_session: two.access_token },
    });
    expect(await response.json()).toEqual(one.user);
  });

  it.each(['Bearer', 'Bearer ', 'Basic YTpi, Bearer x.y.z', 'Bearer a b', 'token', 'Bearer x.y.z', ''])(
    // Proves RFC 6750, 2.1.
    'refuses the header "%s" even beside a good cookie',
    async (value) => {
      const account = await newAccount(client);
      const response = await client('GET', '/auth/me', {
        cookies: { itsor_session: account.access_token },
        headers: { Authorization: value },
      });
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"');
      expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
    },
  );

  // Proves ASVS 15.3.7.
  it('refuses two session cookies, in either order', async () => {
    const account = await newAccount(client);
    for (const Cookie of [
      `itsor_session=${account.access_token}; itsor_session=x`,
      `itsor_session=x; itsor_session=${account.access_token}`,
    ]) {
      const response = await client('GET', '/auth/me', { headers: { Cookie } });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'duplicate_cookie' });
    }
  });

  // Proves RFC 6750, 3.1.
  it('asks for a token where there is none, without an error code', async () => {
    const response = await client('GET', '/auth/me');
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer');
  });

  it('accepts tokens only where JWT_TOKEN_LOCATION says, and sets no cookies where they are no location', async () => {
    const headersOnly = createClient({ JWT_TOKEN_LOCATION: 'headers' });
    const cookiesOnly = createClient({ JWT_TOKEN_LOCATION: 'cookies' });
    const account = await newAccount(client);
    expect((await me(account.access_token, headersOnly)).status).toBe(200);
    expect((await me(account.access_token, cookiesOnly)).status).toBe(401);
    const cookies = { itsor_session: account.access_token };
    expect((await headersOnly('GET', '/auth/me', { cookies })).status).toBe(401);
    expect((await cookiesOnly('GET', '/auth/me', { cookies })).status).toBe(200);
    const login = await headersOnly('POST', '/auth/token', { json: { email: account.user.email, password } });
    expect(login.headers.getSetCookie()).toEqual([]);
  });

  it('reads the header that JWT_HEADER_NAME and JWT_HEADER_TYPE name', async () => {
    const own = createClient({ JWT_HEADER_NAME: 'X-Access-Token', JWT_HEADER_TYPE: 'Token' });
    const account = await newAccount(client);
    const response = await own('GET', '/auth/me', {
      headers: { 'X-Access-Token': `Token ${account.access_token}` },
    });
    expect(response.status).toBe(200);
  });
});

describe('POST /auth/revoke', () => {
  it('writes down that a token was outdated, because another than the owner may have sent it', async () => {
    const { refresh_token: old, user } = await newAccount(client);
    await client('POST', '/auth/refresh', { json: { refresh_token: old } });
    expect((await client('POST', '/auth/revoke', { form: { token: old } })).status).toBe(200);
    const [event] = (await eventsAbout(user.id)).slice(-1);
    expect(event).toMatchObject({
      type: 'session.ended',
      details: { scope: 'local', sessions: 1, outdated_token: true },
    });
  });
});

describe('POST /auth/logout', () => {
  // Proves ASVS 7.4.1; ASVS 8.3.2.
  it('ends this session at once and clears its cookies', async () => {
    const { one, two } = await twoSessions();
    const response = await client('POST', '/auth/logout', { cookies: { itsor_session: one.access_token } });
    expect(response.status).toBe(204);
    const cookies = cookiesOf(response);
    expect(cookies.get('itsor_session')).toMatchObject({
      value: '',
      attributes: expect.arrayContaining(['Max-Age=0', 'Path=/']),
    });
    expect(cookies.get('itsor_session_refresh')).toMatchObject({
      value: '',
      attributes: expect.arrayContaining(['Max-Age=0', 'Path=/auth']),
    });
    expect(cookies.get('itsor_session_renew')).toMatchObject({
      value: '',
      attributes: expect.arrayContaining(['Max-Age=0', 'Path=/account']),
    });
    expect((await me(one.access_token)).status).toBe(401);
    expect((await me(two.access_token)).status).toBe(200);
  });

  // Proves ASVS 7.4.3.
  it('with scope=others ends the other sessions and keeps this one and its cookies', async () => {
    const { one, two } = await twoSessions();
    const response = await client('POST', '/auth/logout?scope=others', { bearer: two.access_token });
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect((await me(one.access_token)).status).toBe(401);
    expect((await me(two.access_token)).status).toBe(200);
  });

  // Proves ASVS 7.4.1.
  it('with scope=global ends all sessions of the account, and none of another account', async () => {
    const stranger = await newAccount(client);
    const { one, two } = await twoSessions();
    await client('POST', '/auth/logout?scope=global', { bearer: two.access_token });
    expect((await me(one.access_token)).status).toBe(401);
    expect((await me(two.access_token)).status).toBe(401);
    expect((await me(stranger.access_token)).status).toBe(200);
  });

  it('finds the session by the refresh cookie when the access token is gone', async () => {
    const account = await newAccount(client);
    await client('POST', '/auth/logout', { cookies: { itsor_session_refresh: account.refresh_token } });
    expect((await me(account.access_token)).status).toBe(401);
  });

  // Proves ASVS 8.2.2.
  it('does not let an outdated refresh token end other sessions', async () => {
    const { one, two } = await twoSessions();
    let { refresh_token: token } = one;
    for (let i = 0; i < 2; i++) {
      const response = await client('POST', '/auth/refresh', { json: { refresh_token: token } });
      token = (await response.json<Required<Tokens>>()).refresh_token;
    }
    await client('POST', '/auth/logout?scope=global', {
      cookies: { itsor_session_refresh: one.refresh_token },
    });
    expect((await me(two.access_token)).status).toBe(200);
  });

  it('gives the same answer without a session and clears the cookies', async () => {
    const response = await client('POST', '/auth/logout');
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie()).toHaveLength(3);
  });

  // Proves ASVS 2.2.1.
  it('refuses another scope', async () => {
    expect((await client('POST', '/auth/logout?scope=everything')).status).toBe(422);
  });
});

describe('POST /auth/revoke (RFC 7009)', () => {
  // Proves ASVS 10.4.9; RFC 7009, 2.1.
  it.each(['access_token', 'refresh_token'] as const)('ends the session of an %s', async (kind) => {
    const account = await newAccount(client);
    const response = await client('POST', '/auth/revoke', {
      form: { token: account[kind], token_type_hint: 'refresh_token' },
    });
    expect(response.status).toBe(200);
    expect((await me(account.access_token)).status).toBe(401);
    expect(
      (await client('POST', '/auth/refresh', { json: { refresh_token: account.refresh_token } })).status,
    ).toBe(401);
  });

  // Proves RFC 7009, 2.2.
  it('answers 200 for an unknown token', async () => {
    expect((await client('POST', '/auth/revoke', { form: { token: 'whatever' } })).status).toBe(200);
  });
});

describe('/auth/sessions', () => {
  // Proves ASVS 7.5.2; ASVS 14.2.6.
  it('lists the live sessions, newest first, with no token in them', async () => {
    const { one, two } = await twoSessions();
    const named = await client('POST', '/auth/token', {
      json: { email: one.user.email, password },
      headers: { 'User-Agent': 'a browser', 'CF-Connecting-IP': '203.0.113.7' },
    });
    expect(named.status).toBe(200);
    const response = await client('GET', '/auth/sessions', { bearer: two.access_token });
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    const { items, next_cursor } = await response.json<{
      items: Record<string, unknown>[];
      next_cursor: null;
    }>();
    expect(next_cursor).toBeNull();
    expect(items.map(({ current }) => current)).toEqual([false, true, false, false]);
    expect(items[0]).toMatchObject({ user_agent: 'a browser', ip: '203.0.113.7' });
    expect(Object.keys(items[0] ?? {}).sort()).toEqual([
      'created_at',
      'current',
      'id',
      'ip',
      'last_used_at',
      'user_agent',
    ]);
  });

  it('pages by cursor without losing or repeating a session', async () => {
    const account = await newAccount(client);
    for (let i = 0; i < 3; i++) await loginAgain(account.user.email);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor ? `&cursor=${cursor}` : '';
      const response = await client('GET', `/auth/sessions?limit=2${query}`, {
        bearer: account.access_token,
      });
      const page: { items: { id: string }[]; next_cursor: string | null } = await response.json();
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor);
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
  });

  // Proves ASVS 7.5.2.
  it('ends one session, and clears the cookies only for the current one', async () => {
    const { one, two } = await twoSessions();
    const list = await client('GET', '/auth/sessions', { bearer: two.access_token });
    const { items } = await list.json<{ items: { id: string; current: boolean }[] }>();
    const current = items.find((item) => item.current);
    const other = items.find((item) => !item.current);
    const endOther = await client('DELETE', `/auth/sessions/${other?.id}`, { bearer: two.access_token });
    expect(endOther.status).toBe(204);
    expect(endOther.headers.getSetCookie()).toEqual([]);
    expect((await me(one.access_token)).status).toBe(401);
    const endCurrent = await client('DELETE', `/auth/sessions/${current?.id}`, { bearer: two.access_token });
    expect(endCurrent.headers.getSetCookie()).toHaveLength(3);
    expect((await me(two.access_token)).status).toBe(401);
  });

  // Proves ASVS 8.2.2.
  it("does not know another account's session, and leaves it alone", async () => {
    const [mine, theirs] = [await newAccount(client), await newAccount(client)];
    const list = await client('GET', '/auth/sessions', { bearer: theirs.access_token });
    const { items } = await list.json<{ items: { id: string }[] }>();
    const response = await client('DELETE', `/auth/sessions/${items[0]?.id}`, { bearer: mine.access_token });
    expect(response.status).toBe(404);
    expect((await me(theirs.access_token)).status).toBe(200);
  });

  // Proves ASVS 2.2.1.
  it('refuses an id that is not a UUID', async () => {
    const account = await newAccount(client);
    const response = await client('DELETE', "/auth/sessions/1'--", { bearer: account.access_token });
    expect(response.status).toBe(422);
  });
});
