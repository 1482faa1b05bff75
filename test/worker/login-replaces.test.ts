import { SignJWT } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventsAbout } from '../support/worker/administrators.ts';
import {
  createClient,
  newAccount,
  newEmail,
  password,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { createProvider, newPerson, setOut, withProvider } from '../support/worker/identity-provider.ts';

type Account = Required<Tokens>;
type Init = Parameters<typeof client>[2] & object;

const client = createClient({ ...withProvider, JWT_ACCESS_MINUTES: '1', MAIL_QUEUE: silentQueue });
const provider = createProvider();
const ownForm = { Origin: 'http://localhost:3002' };

afterEach(() => void vi.useRealTimers());
const later = () => vi.setSystemTime(Date.now() + 120_000);

/** Whether the session of an account's tokens still lives. */
const lives = async ({ refresh_token }: Account): Promise<boolean> => {
  const id = refresh_token.slice(0, 32);
  const [row] = await sql`select revoked_at from sessions where id = ${id}::uuid`;
  return row?.revoked_at === null;
};

const accessCookie = ({ access_token }: Account) => ({ itsor_session: access_token });
const refreshCookie = ({ refresh_token }: Account) => ({ itsor_session_refresh: refresh_token });

/** Logs in to the account of an address, beside what the request carries. */
const logIn = (email: string, init: Init, secret = password) =>
  client('POST', '/auth/token', { ...init, json: { email, password: secret } });

/** Every way to open a session, to an account other than that of the cookies. */
const ways: Readonly<Record<string, (init: Init) => Promise<Response>>> = {
  'a login by JSON': async (init) => logIn((await newAccount(client)).user.email, init),
  'a login by a form of OAuth 2': async (init) => {
    const form = { grant_type: 'password', username: (await newAccount(client)).user.email, password };
    return client('POST', '/auth/token', { ...init, form });
  },
  'a login by the page': async (init) => {
    const form = { identifier: (await newAccount(client)).user.email, password };
    return client('POST', '/account/login', { ...init, form });
  },
  'a sign-up by JSON': (init) =>
    client('POST', '/auth/signup', { ...init, json: { email: newEmail(), password } }),
  'a sign-up by the page': (init) =>
    client('POST', '/account/signup', { ...init, form: { email: newEmail(), password } }),
  'a login by a provider': async (init) => {
    const { response, location } = await setOut(client);
    const [pair = ''] = response.headers.getSetCookie()[0]?.split(';') ?? [];
    const back = provider.consent(location, newPerson());
    const [name = '', value = ''] = pair.split('=');
    return client('GET', back.pathname + back.search, {
      ...init,
      cookies: { ...init.cookies, [name]: value },
    });
  },
};

describe.each(Object.entries(ways))('%s', (_, open) => {
  const isOpened = ({ status }: Response) => [200, 201, 303].includes(status);

  // Proves ASVS 7.2.4.
  it('ends the session of the access token that the browser has', async () => {
    const before = await newAccount(client);
    expect(isOpened(await open({ headers: ownForm, cookies: accessCookie(before) }))).toBe(true);
    expect(await lives(before)).toBe(false);
    const ended = (await eventsAbout(before.user.id)).filter(({ type }) => type === 'session.ended');
    expect(ended).toMatchObject([{ details: { scope: 'local', sessions: 1 } }]);
  });

  it('ends it by an expired access token as well', async () => {
    const before = await newAccount(client);
    later();
    expect(isOpened(await open({ headers: ownForm, cookies: accessCookie(before) }))).toBe(true);
    expect(await lives(before)).toBe(false);
  });

  it('ends no session of a token in a header', async () => {
    const before = await newAccount(client);
    const { access_token: bearer } = before;
    expect(isOpened(await open({ headers: ownForm, bearer, cookies: refreshCookie(before) }))).toBe(true);
    expect(await lives(before)).toBe(true);
  });
});

describe('a login in a browser that has a session', () => {
  it('ends the session of the refresh cookie, where that is sent', async () => {
    const [before, { user }] = [await newAccount(client), await newAccount(client)];
    expect((await logIn(user.email, { cookies: refreshCookie(before) })).status).toBe(200);
    expect(await lives(before)).toBe(false);
  });

  it('leaves the other sessions of the same account', async () => {
    const before = await newAccount(client);
    const other: Account = await (
      await client('POST', '/auth/token', {
        json: { email: before.user.email, password, scope: 'offline_access' },
      })
    ).json();
    const response = await logIn(before.user.email, { cookies: accessCookie(before) });
    const { access_token: bearer } = await response.json<Tokens>();
    expect([await lives(before), await lives(other)]).toEqual([false, true]);
    expect((await client('GET', '/auth/me', { bearer })).status).toBe(200);
  });

  it('ends nothing by a failed login', async () => {
    const before = await newAccount(client);
    const cookies = { ...accessCookie(before), ...refreshCookie(before) };
    expect((await logIn(before.user.email, { cookies }, 'wrong')).status).toBe(401);
    const form = { identifier: before.user.email, password: 'wrong' };
    expect((await client('POST', '/account/login', { form, cookies })).status).toBe(401);
    const signup = { json: { email: before.user.email, password }, cookies };
    expect((await client('POST', '/auth/signup', signup)).status).toBe(409);
    expect(await lives(before)).toBe(true);
  });

  it('ends nothing by a refresh', async () => {
    const before = await newAccount(client);
    const cookies = { ...accessCookie(before), ...refreshCookie(before) };
    expect((await client('POST', '/auth/refresh', { cookies })).status).toBe(200);
    const form = { grant_type: 'refresh_token', refresh_token: before.refresh_token };
    expect((await client('POST', '/auth/token', { form, cookies: accessCookie(before) })).status).toBe(200);
    expect(await lives(before)).toBe(true);
  });

  it('leaves the end to a change of the password, which ends every session', async () => {
    const before = await newAccount(client);
    const json = { current_password: password, new_password: 'another battery staple horse' };
    expect((await client('POST', '/auth/password', { json, cookies: accessCookie(before) })).status).toBe(
      200,
    );
    const types = (await eventsAbout(before.user.id)).map(({ type }) => type);
    expect(types).not.toContain('session.ended');
  });

  it('succeeds also where the old session cannot be ended', async () => {
    const [before, { user }] = [await newAccount(client), await newAccount(client)];
    let sent = 0;
    provider.twist({
      database: async (run) => (++sent > 2 ? new Response('', { status: 503 }) : run()),
    });
    const response = await logIn(user.email, { cookies: accessCookie(before) });
    provider.twist({});
    expect([response.status, sent > 2, await lives(before)]).toEqual([200, true, true]);
  });
});

describe('an attacker ends no session', () => {
  it('by a login that another site makes the browser send', async () => {
    const [victim, attacker] = [await newAccount(client), await newAccount(client)];
    const cookies = { ...accessCookie(victim), ...refreshCookie(victim) };
    for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
      const form = { identifier: attacker.user.email, password };
      expect((await client('POST', '/account/login', { form, cookies, headers })).status).toBe(403);
      expect((await logIn(attacker.user.email, { cookies, headers })).status).toBe(403);
    }
    expect(await lives(victim)).toBe(true);
  });

  it('by a login with a token that the service has not signed', async () => {
    const [victim, attacker] = [await newAccount(client), await newAccount(client)];
    const [head = '', body = '', signature = ''] = victim.access_token.split('.');
    const claims = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(body, { alphabet: 'base64url' })),
    );
    const header = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(head, { alphabet: 'base64url' })),
    );
    const foreign = await new SignJWT(claims)
      .setProtectedHeader(header)
      .sign(new TextEncoder().encode('a secret of the attacker, long enough for HS256'));
    const [id = '', counter = '', mac = ''] = victim.refresh_token.split('.');
    for (const cookies of [
      { itsor_session: foreign },
      { itsor_session: `${head}.${body}.${signature.split('').reverse().join('')}` },
      { itsor_session_refresh: [id, counter, mac.split('').reverse().join('')].join('.') },
    ]) {
      expect((await logIn(attacker.user.email, { cookies: cookies as Record<string, string> })).status).toBe(
        200,
      );
    }
    expect(await lives(victim)).toBe(true);
  });

  it('by a second cookie that a neighbour has planted', async () => {
    const [victim, planted] = [await newAccount(client), await newAccount(client)];
    const pair = (name: string, one: string, other: string) => `${name}=${one}; ${name}=${other}`;
    for (const Cookie of [
      pair('itsor_session', planted.access_token, victim.access_token),
      pair('itsor_session_refresh', planted.refresh_token, victim.refresh_token),
    ]) {
      expect((await logIn(planted.user.email, { headers: { Cookie } })).status).toBe(200);
    }
    expect([await lives(victim), await lives(planted)]).toEqual([true, true]);
  });
});
