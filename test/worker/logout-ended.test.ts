import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/platform/errors.ts';
import { cookiesOf, createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { countRoundTrips, raceRounds, sql } from '../support/worker/database.ts';
import { createVisitor } from '../support/worker/visitor.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const wide = ['others', 'global'] as const;

type Init = NonNullable<Parameters<typeof client>[2]>;
const logOut = (scope: string, init: Init = {}) => client('POST', `/auth/logout?scope=${scope}`, init);
const byCookies = ({ access_token, refresh_token }: Required<Tokens>): Init => ({
  cookies: { itsor_session: access_token, itsor_session_refresh: refresh_token },
});
const me = (bearer: string) => client('GET', '/auth/me', { bearer });
const loginAgain = async (email: string) =>
  (await client('POST', '/auth/token', { json: { email, password, scope: 'offline_access' } })).json<
    Required<Tokens>
  >();
const eventsOf = async (userId: string) =>
  (await sql`select from audit_events where subject_id = ${userId} and type = 'session.ended'`).length;

/** One session that has ended, beside one that lives. */
const endedAndLive = async () => {
  const ended = await newAccount(client);
  const live = await loginAgain(ended.user.email);
  expect((await logOut('local', { bearer: ended.access_token })).status).toBe(204);
  return { ended, live };
};

const expectCleared = (response: Response) => {
  for (const name of ['itsor_session', 'itsor_session_refresh']) {
    expect(cookiesOf(response).get(name)).toMatchObject({
      value: '',
      attributes: expect.arrayContaining(['Max-Age=0']),
    });
  }
};
const expectNothingDone = async (response: Response, code: ErrorCode) => {
  expectCleared(response);
  expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
  const problem = await response.json<{ detail: string }>();
  expect(problem).toMatchObject({ status: 401, code });
  expect(problem.detail).toContain('nothing was done');
};

describe.each(wide)('POST /auth/logout?scope=%s', (scope) => {
  it('by a session that has ended says that nothing was done, and clears the cookies', async () => {
    const { ended, live } = await endedAndLive();
    const before = await eventsOf(ended.user.id);
    const byRefreshToken = { cookies: { itsor_session_refresh: ended.refresh_token } };
    for (const init of [{ bearer: ended.access_token }, byCookies(ended), byRefreshToken]) {
      const response = await logOut(scope, init);
      await expectNothingDone(response, 'session_revoked');
    }
    expect((await me(live.access_token)).status).toBe(200);
    expect(await eventsOf(ended.user.id)).toBe(before);
  });

  it('by a session that has expired does nothing', async () => {
    const account = await newAccount(client);
    const live = await loginAgain(account.user.email);
    await sql`update sessions set expires_at = now() - interval '1 second'
              where user_id = ${account.user.id} and id <> (select max(id::text)::uuid from sessions where user_id = ${account.user.id})`;
    await expectNothingDone(await logOut(scope, { bearer: account.access_token }), 'session_revoked');
    expect((await me(live.access_token)).status).toBe(200);
  });

  it('by an outdated, a made-up or no refresh token does nothing', async () => {
    const account = await newAccount(client);
    const live = await loginAgain(account.user.email);
    const { refresh_token: outdated } = account;
    await client('POST', '/auth/refresh', { json: { refresh_token: outdated } });
    await sql`update sessions set refreshed_at = now() - interval '11 seconds' where user_id = ${account.user.id}`;
    for (const token of [outdated, `${'0'.repeat(32)}.0.${'A'.repeat(43)}`, 'nothing']) {
      const response = await logOut(scope, { cookies: { itsor_session_refresh: token } });
      await expectNothingDone(response, 'refresh_token_invalid');
    }
    await expectNothingDone(await logOut(scope), 'unauthenticated');
    expect((await me(live.access_token)).status).toBe(200);
  });

  it('by a session whose account is gone does nothing', async () => {
    const account = await newAccount(client);
    await client('DELETE', '/users/me', { bearer: account.access_token, json: { password } });
    await expectNothingDone(await logOut(scope, { bearer: account.access_token }), 'session_revoked');
  });

  it('by a refresh token within its grace ends them, as a refresh would be answered', async () => {
    const account = await newAccount(client);
    const other = await loginAgain(account.user.email);
    await client('POST', '/auth/refresh', { json: { refresh_token: account.refresh_token } });
    const init = { cookies: { itsor_session_refresh: account.refresh_token } };
    expect((await logOut(scope, init)).status).toBe(204);
    expect((await me(other.access_token)).status).toBe(401);
  });

  it('takes one round trip, whether it ends sessions or not', async () => {
    const { ended, live } = await endedAndLive();
    expect(await countRoundTrips(() => logOut(scope, { bearer: ended.access_token }))).toBe(1);
    expect(await countRoundTrips(() => logOut(scope, { bearer: live.access_token }))).toBe(1);
  });
});

it('of two sessions that end each other at once, one stays or hears that it did nothing', async () => {
  for (let round = 0; round < raceRounds(10); round++) {
    const one = await newAccount(client);
    const two = await loginAgain(one.user.email);
    const responses = await Promise.all(
      [one, two].map(({ access_token: bearer }) => logOut('others', { bearer })),
    );
    expect(responses.map(({ status }) => status).toSorted()).toEqual([204, 401]);
    const alive = await Promise.all([me(one.access_token), me(two.access_token)]);
    expect(alive.map(({ status }) => status).toSorted()).toEqual([200, 401]);
  }
});

it('POST /auth/logout of the own session is 204 in every state of the session', async () => {
  const { ended } = await endedAndLive();
  for (const init of [{ bearer: ended.access_token }, byCookies(ended), {}]) {
    const response = await logOut('local', init);
    expect(response.status).toBe(204);
    expectCleared(response);
  }
});

it.each(wide)('the page tells that nothing was done, and leads to a login or a reset: %s', async (scope) => {
  const by = createVisitor(client);
  const { user } = await newAccount(client);
  await by.submit('/account/login', { identifier: user.email, password });
  const other = await loginAgain(user.email);
  await sql`update sessions set revoked_at = now(), revoked_reason = 'revoked'
            where id = (select s.id from sessions s where s.user_id = ${user.id} order by s.id desc offset 1 limit 1)`;
  const page = await by.send('/account/logout', { scope });
  expect(page.status).toBe(401);
  expect(page.html).toContain(
    'You were already logged out here, so we could not log out your other devices.',
  );
  expect(page.html).not.toContain('Every other device is logged out');
  expect(page.html).toContain('action="/account/login"');
  expect(page.html).toContain('href="/forgot-password"');
  expect(by.jar.has('itsor_session')).toBe(false);
  expect((await me(other.access_token)).status).toBe(200);
});
