import { describe, expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import {
  createBrowser,
  createClient,
  newAccount,
  newEmail,
  password,
  type Tokens,
} from '../support/worker/client.ts';
import { tokenIn } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const me = (cookie: string, headers: Record<string, string> = {}) =>
  client('GET', '/auth/me', { cookies: { itsor_session: cookie }, headers });

describe('the header of another scheme', () => {
  it.each(['Basic YTpi', 'basic YTpi', 'Negotiate YII=', 'Digest username="a", realm="b"', 'Basic\tYTpi'])(
    '"%s" beside the session cookie does not count, because a proxy has asked for it',
    async (Authorization) => {
      const { access_token: cookie } = await newAccount(client);
      expect((await me(cookie, { Authorization })).status).toBe(200);
      await expectProblem(await me('x.y.z', { Authorization }), 401, 'unauthenticated');
      const alone = await client('GET', '/auth/me', { headers: { Authorization } });
      expect(alone.headers.get('WWW-Authenticate')).toContain('invalid_token');
      expect(await expectProblem(alone, 401, 'unauthenticated')).toContain('must read');
    },
  );

  it('does not stand for the token that an attacker cannot send: a request of another site stays refused', async () => {
    const { access_token: cookie } = await newAccount(client);
    const response = await client('POST', '/auth/logout', {
      cookies: { itsor_session: cookie },
      headers: { Authorization: 'Basic YTpi', Origin: 'https://evil.example' },
    });
    await expectProblem(response, 403, 'csrf_rejected');
    expect((await me(cookie)).status).toBe(200);
  });

  it('does not hide a token beside it, and a token without a scheme does not fall back to the cookie', async () => {
    const [one, two] = [await newAccount(client), await newAccount(client)];
    for (const Authorization of [
      `Basic YTpi, Bearer ${two.access_token}`,
      `Bearer ${two.access_token}, Basic YTpi`,
      two.access_token,
      'undefined',
    ])
      await expectProblem(await me(one.access_token, { Authorization }), 401, 'unauthenticated');
  });

  it('a tab may stand before the token', async () => {
    const { access_token: token } = await newAccount(client);
    const response = await client('GET', '/auth/me', { headers: { Authorization: `Bearer\t${token}` } });
    expect(response.status).toBe(200);
  });
});

describe('a path with a slash too many', () => {
  it.each([
    ['GET', '/auth/me/', '/auth/me'],
    ['HEAD', '//auth/me', '/auth/me'],
    ['POST', '//auth//token', '/auth/token'],
    ['POST', '/auth/refresh/?a=b%2Fc', '/auth/refresh?a=b%2Fc'],
    ['GET', '/account/', '/account'],
    ['GET', '/reset-password/?token=x', '/reset-password?token=x'],
    [
      'PATCH',
      '//users//0199aaaa-0000-7000-8000-00000000000f/',
      '/users/0199aaaa-0000-7000-8000-00000000000f',
    ],
    ['DELETE', '/auth/sessions/a%2Fb%25%C3%A9/', '/auth/sessions/a%2Fb%25%C3%A9'],
    ['GET', '///', '/'],
  ])('%s %s leads to %s, where its cookies and limits are', async (method, path, place) => {
    const response = await client(method, `http://localhost:3002${path}`);
    expect([response.status, response.headers.get('Location')]).toEqual([308, place]);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
  });

  it.each([
    '//evil.example/',
    '//evil.example//auth/me',
    '/%5Cevil.example/',
    '/%2F/evil.example/',
    '/auth%2Fme/',
    '//evil.example/%2e%2e/auth/me/x/',
    '/auth/me%0d%0aSet-Cookie:a=b/',
    '/nothing/',
  ])('%s leads nowhere', async (path) => {
    const response = await client('GET', `http://localhost:3002${path}`);
    expect(response.headers.get('Location')).toBeNull();
    expect(response.status).toBe(404);
  });

  it('never leads off the site, whichever host the path names', async () => {
    for (const path of ['//evil.example/..//auth/me/', '/\\auth/me', '//\\/auth/me', '/auth/sessions/%5C/']) {
      const response = await client('GET', `http://localhost:3002${path}`);
      const place = response.headers.get('Location');
      if (place !== null) expect(new URL(place, 'http://localhost:3002').host).toBe('localhost:3002');
      expect(place ?? '/').toMatch(/^\/(?![/\\])/);
    }
  });

  it('gets no answer that the right path would not give, and no request of another site passes', async () => {
    const { access_token: cookie } = await newAccount(client);
    const response = await client('POST', '/auth/logout/', {
      cookies: { itsor_session: cookie },
      headers: { Origin: 'https://evil.example' },
    });
    await expectProblem(response, 403, 'csrf_rejected');
    const { access_token: bearer } = await newAdmin(client);
    const list = await client('GET', '/users/', { bearer });
    expect([list.status, await list.text()]).toEqual([308, '']);
  });

  it('that exists nowhere tells a person what to do, and a program too', async () => {
    const html = await client('GET', '/acount', { headers: { Accept: 'text/html,*/*' } });
    expect([html.status, html.headers.get('Content-Type')]).toEqual([404, 'text/html; charset=UTF-8']);
    const text = await html.text();
    for (const part of ['Check it for typing mistakes', 'href="/account"']) expect(text).toContain(part);
    expect(await expectProblem(await client('GET', '/acount'), 404, 'not_found')).toContain('documentation');
  });
});

describe('null for a member that may be absent', () => {
  it('is as if it were absent', async () => {
    const email = newEmail();
    const nulls = { username: null, scope: null, turnstile_token: null };
    const signUp = await client('POST', '/auth/signup', { json: { email, password, ...nulls } });
    expect(signUp.status).toBe(201);
    const json = { identifier: null, email, password, ...nulls };
    expect((await client('POST', '/auth/token', { json })).status).toBe(200);
    const { refresh_token: token } = await newAccount(client);
    const refresh = await client('POST', '/auth/refresh', {
      json: { refresh_token: null },
      cookies: { itsor_session_refresh: token },
    });
    expect(refresh.status).toBe(200);
    const proof = { email, code: '000000', signup_attempt: null };
    await expectProblem(await client('POST', '/auth/email/verify', { json: proof }), 400, 'token_invalid');
  });

  it('keeps its meaning where null has one, and is refused where the member is required or unknown', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const { user, access_token: own } = await newAccount(client);
    const edit = (json: object) => client('PATCH', `/users/${user.id}`, { bearer, json });
    await client('PATCH', '/auth/me', {
      bearer: own,
      json: { username: `u${crypto.randomUUID().slice(0, 8)}` },
    });
    expect(await (await edit({ username: null, roles: null })).json()).toMatchObject({
      username: null,
      roles: ['user'],
    });
    expect(await expectProblem(await edit({ roles: null }), 422, 'validation_failed')).toContain(
      'nothing to change',
    );
    for (const json of [
      { email: null, password },
      { email: newEmail(), password: null },
      { email: newEmail(), password, is_admin: null },
      JSON.parse(`{"email":"${newEmail()}","password":"${password}","__proto__":null}`),
    ])
      await expectProblem(await client('POST', '/auth/signup', { json }), 422, 'validation_failed');
  });
});

describe('the scope of a logout', () => {
  const two = async () => {
    const own = await newAccount(client);
    const login = { email: own.user.email, password };
    const other = await (await client('POST', '/auth/token', { json: login })).json<Tokens>();
    return { own, other: other.access_token as string };
  };
  const isLive = async (token: unknown) => (await me(String(token))).status === 200;

  it('may stand in the body, and ends what it says', async () => {
    for (const [json, left] of [
      [{ scope: 'others' }, [true, false]],
      [{ scope: 'global' }, [false, false]],
      [{ scope: null }, [false, true]],
      [{}, [false, true]],
    ] as const) {
      const { own, other } = await two();
      const response = await client('POST', '/auth/logout', { bearer: own.access_token, json });
      expect(response.status).toBe(204);
      expect([await isLive(own.access_token), await isLive(other)]).toEqual(left);
    }
  });

  it('that cannot be read or contradicts itself ends nothing', async () => {
    const { own, other } = await two();
    const bearer = own.access_token;
    for (const [query, json] of [
      ['', { scope: 'other' }],
      ['', { scopes: 'others' }],
      ['', { refresh_token: own.refresh_token }],
      ['?scope=global', { scope: 'others' }],
      ['?scope=x', {}],
    ] as const) {
      const response = await client('POST', `/auth/logout${query}`, { bearer, json });
      await expectProblem(response, 422, 'validation_failed');
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    expect([await isLive(bearer), await isLive(other)]).toEqual([true, true]);
    const same = await client('POST', '/auth/logout?scope=others', { bearer, json: { scope: 'others' } });
    expect(same.status).toBe(204);
  });
});

it('a query may have _ so that no cache answers, and no other member that is unknown', async () => {
  const { access_token: bearer } = await newAccount(client);
  expect((await client('GET', '/auth/sessions?_=1712345', { bearer })).status).toBe(200);
  for (const query of ['__=1', 'x=1', '_x=1', '_=1&limit=x'])
    await expectProblem(await client('GET', `/auth/sessions?${query}`, { bearer }), 422, 'validation_failed');
});

describe('a form of OAuth 2 that is wrong', () => {
  const send = (body: string, type = 'application/x-www-form-urlencoded') =>
    client('POST', '/auth/token', { body, headers: { 'Content-Type': type, Accept: 'application/json' } });

  it.each([
    ['grant_type=password&grant_type=password', 'invalid_request', 'grant_type: '],
    ['grant_type=refresh_token&refresh_token=a&refresh_token=b', 'invalid_request', 'refresh_token: '],
    ['grant_type=password&username=ada', 'invalid_request', 'password: this member is required'],
    ['username=ada&password=x', 'invalid_request', 'grant_type: this member is required'],
    ['grant_type=client_credentials', 'unsupported_grant_type', 'grant_type: password or refresh_token'],
  ])('%s is answered %s, which names the field', async (body, error, described) => {
    const response = await send(body);
    expect(response.status).toBe(400);
    const answer = await response.json<{ error: string; error_description: string }>();
    expect(answer.error).toBe(error);
    expect(answer.error_description).toContain(described);
    expect(answer.error_description).toMatch(/^[ !#-[\]-~]+$/);
  });

  it('of the type multipart/form-data is told which types there are', async () => {
    const field = 'Content-Disposition: form-data; name="username"\r\n\r\nada\r\n';
    const response = await send(`--x\r\n${field}--x--\r\n`, 'multipart/form-data; boundary=x');
    expect(await expectProblem(response, 415, 'unsupported_media_type')).toContain(
      'application/x-www-form-urlencoded or application/json',
    );
  });
});

describe('the address where password managers look for the form', () => {
  it('leads to it, under a base path too', async () => {
    const place = async (by: typeof client, path: string) => {
      const response = await by('GET', path);
      return [response.status, response.headers.get('Location')];
    };
    expect(await place(client, '/.well-known/change-password')).toEqual([303, '/account']);
    const under = createClient({ API_URL: 'https://app.test/api' });
    for (const path of ['/api/.well-known/change-password', '/.well-known/change-password/api'])
      expect(await place(under, path)).toEqual([303, '/api/account']);
    const noPages = createClient({ JWT_TOKEN_LOCATION: 'headers' });
    expect((await noPages('GET', '/.well-known/change-password')).status).toBe(404);
  });
});

it('JSON with the type of a form is told which type to send', async () => {
  const response = await client('POST', '/auth/token', {
    body: JSON.stringify({ email: newEmail(), password }),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  expect(await expectProblem(response, 415, 'unsupported_media_type')).toContain('application/json');
});

it('a password that was changed at the same moment says so', async () => {
  const browser = createBrowser(client);
  const email = newEmail();
  await browser('POST', '/auth/signup', { json: { email, password } });
  const json = { current_password: password, new_password: 'a wholly different phrase 42' };
  const answers = await Promise.all([
    browser('POST', '/auth/password', { json }),
    browser('POST', '/auth/password', { json }),
  ]);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused).toHaveLength(1);
  expect([401, 409]).toContain(refused[0]?.status);
  if (refused[0]?.status === 409) expect(await refused[0].text()).toContain('Log in with the new one');
});

it('a form for a new address that is sent twice leaves both links good, and one for another address ends them', async () => {
  const { access_token: bearer } = await newAccount(client);
  const ask = (email: string) => client('POST', '/auth/email/change', { bearer, json: { password, email } });
  const prove = (token: string) => client('POST', '/auth/email/verify', { bearer, json: { token } });
  const [first, second] = [newEmail(), newEmail()];
  await ask(first);
  const old = await tokenIn(first, 'verify_new_email', 'change_email');
  await ask(second);
  await expectProblem(await prove(old), 400, 'token_invalid');
  const link = await tokenIn(second, 'verify_new_email', 'change_email');
  await ask(second);
  expect((await prove(link)).status).toBe(204);
});
