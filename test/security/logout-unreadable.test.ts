import { describe, expect, it } from 'vitest';
import { createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { countRoundTrips } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const me = (bearer: string) => client('GET', '/auth/me', { bearer });
const isLive = async ({ access_token }: Tokens) => (await me(access_token)).status === 200;
const again = async ({ user }: Tokens) =>
  (
    await client('POST', '/auth/token', { json: { email: user.email, password, scope: 'offline_access' } })
  ).json<Required<Tokens>>();

type Cookies = { access?: readonly string[]; refresh?: readonly string[]; authorization?: string };

const logOut = (scope: string, { access = [], refresh = [], authorization }: Cookies, by = client) =>
  by('POST', `/auth/logout?scope=${scope}`, {
    headers: {
      Cookie: [
        ...access.map((token) => `itsor_session=${token}`),
        ...refresh.map((token) => `itsor_session_refresh=${token}`),
      ].join('; '),
      ...(authorization !== undefined && { Authorization: authorization }),
    },
  });

const clears = (response: Response) =>
  /itsor_session=;.*itsor_session_refresh=;/.test(response.headers.getSetCookie().join());

const unreadable = ['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'undefined'];

describe.each(unreadable)('a logout with the header "%s"', (authorization) => {
  it('ends the session of the cookies and clears them', async () => {
    for (const kind of ['access', 'refresh'] as const) {
      const account = await newAccount(client);
      const response = await logOut('local', { [kind]: [account[`${kind}_token`]], authorization });
      expect(response.status).toBe(204);
      expect(clears(response)).toBe(true);
      expect(await isLive(account)).toBe(false);
    }
  });

  it('ends all sessions, or the others and keeps the cookies', async () => {
    for (const scope of ['global', 'others']) {
      const account = await newAccount(client);
      const other = await again(account);
      const response = await logOut(scope, { access: [account.access_token], authorization });
      expect(response.status).toBe(204);
      expect(clears(response)).toBe(scope === 'global');
      expect(await isLive(other)).toBe(false);
      expect(await isLive(account)).toBe(scope === 'others');
    }
  });

  it('says so where no cookie is recognized, and clears them', async () => {
    const response = await logOut('local', { access: ['x.y.z'], refresh: ['x'], authorization });
    expect(clears(response)).toBe(true);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
  });

  it('of another site ends nothing', async () => {
    const account = await newAccount(client);
    const response = await client('POST', '/auth/logout', {
      cookies: { itsor_session: account.access_token },
      headers: { Authorization: authorization, Origin: 'https://evil.example' },
    });
    await expectProblem(response, 403, 'csrf_rejected');
    expect(clears(response)).toBe(false);
    expect(await isLive(account)).toBe(true);
  });
});

describe('a logout with two cookies of one name', () => {
  it('ends each session that it recognizes', async () => {
    const [own, planted] = [await newAccount(client), await newAccount(client)];
    const response = await logOut('local', {
      access: [planted.access_token, 'x', own.access_token],
      refresh: ['x', own.refresh_token],
    });
    expect(response.status).toBe(204);
    expect(clears(response)).toBe(true);
    expect([await isLive(own), await isLive(planted)]).toEqual([false, false]);
  });

  it('of which one is worthless does what it is asked to', async () => {
    const account = await newAccount(client);
    const other = await again(account);
    const response = await logOut('others', { access: [account.access_token, 'x'] });
    expect(response.status).toBe(204);
    expect(clears(response)).toBe(false);
    expect([await isLive(account), await isLive(other)]).toEqual([true, false]);
  });

  it('of two accounts ends the other sessions of neither', async () => {
    for (const scope of ['global', 'others']) {
      const [own, planted] = [await newAccount(client), await newAccount(client)];
      const elsewhere = [await again(own), await again(planted)];
      const response = await logOut(scope, {
        access: [planted.access_token, own.access_token],
        refresh: [own.refresh_token],
      });
      expect(clears(response)).toBe(scope === 'global');
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'duplicate_cookie' });
      for (const session of elsewhere) expect(await isLive(session)).toBe(true);
      for (const session of [own, planted]) expect(await isLive(session)).toBe(scope === 'others');
    }
  });

  it('ends a bounded number of sessions, however many cookies there are', async () => {
    const account = await newAccount(client);
    const sessions = [account];
    for (let more = 0; more < 11; more++) sessions.push(await again(account));
    const refresh = sessions.map(({ refresh_token }) => refresh_token);
    expect(await countRoundTrips(() => logOut('local', { refresh }))).toBe(10);
  });
});

it('a logout by a good access token ends its session alone, whatever the cookies say', async () => {
  const [own, other] = [await newAccount(client), await newAccount(client)];
  const trips = await countRoundTrips(async () => {
    const response = await logOut('local', {
      authorization: `Bearer ${own.access_token}`,
      access: [other.access_token],
      refresh: [other.refresh_token, other.refresh_token],
    });
    expect(response.status).toBe(204);
  });
  expect(trips).toBe(1);
  expect([await isLive(own), await isLive(other)]).toEqual([false, true]);
});

it('where cookies are no place of tokens, a logout sets none and reads none', async () => {
  const headersOnly = createClient({ JWT_TOKEN_LOCATION: 'headers' });
  const account = await newAccount(client);
  const cookies = { access: [account.access_token], refresh: [account.refresh_token] };
  for (const authorization of [undefined, 'Bearer ']) {
    const given = authorization === undefined ? cookies : { ...cookies, authorization };
    const response = await logOut('local', given, headersOnly);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await isLive(account)).toBe(true);
  }
  const response = await logOut('local', { authorization: `Bearer ${account.access_token}` }, headersOnly);
  expect(response.headers.getSetCookie()).toEqual([]);
  expect(await isLive(account)).toBe(false);
});
