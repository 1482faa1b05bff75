import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { mailsTo } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient();
const nextPassword = 'a wholly different phrase 42';
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

const change = (bearer: string, headers: Record<string, string> = {}) =>
  client('POST', '/auth/password', {
    bearer,
    json: { current_password: password, new_password: nextPassword },
    headers,
  });
const changed = async (bearer: string) => (await change(bearer)).json<Required<Tokens>>();
const refresh = (refresh_token: string) => client('POST', '/auth/refresh', { json: { refresh_token } });
const me = (bearer: string) => client('GET', '/auth/me', { bearer });
const sessionOf = (token: string) => JSON.parse(atob(token.split('.')[1] ?? '')).sid as string;
const sessionsOf = (userId: string) => sql`select * from sessions where user_id = ${userId} order by id`;

describe('after a change of the password', () => {
  it('tokens that had expired are as they were, so that their number costs its owner nothing', async () => {
    const { access_token, user } = await newAccount(client);
    const tokens = () => sql`
      select id, used_at from one_time_tokens where user_id = ${user.id} and purpose = 'reset_password' order by id`;
    for (let minute = 0; minute < 3; minute++) {
      await client('POST', '/auth/password/forgot', { json: { email: user.email } });
      later(60);
    }
    await sql`
      update one_time_tokens set expires_at = now() - interval '1 day' where id in (
        select id from one_time_tokens where user_id = ${user.id} and purpose = 'reset_password' order by id limit 2)`;
    expect((await change(access_token)).status).toBe(200);
    expect((await tokens()).map(({ used_at }) => used_at !== null)).toEqual([false, false, true]);
  });

  it('the access token of the same session is dead at once', async () => {
    const stolen = await newAccount(client);
    const tokens = await changed(stolen.access_token);
    await expectProblem(await me(stolen.access_token), 401, 'session_revoked');
    expect((await me(tokens.access_token)).status).toBe(200);
  });

  it('the refresh tokens of the same session are dead, even within the grace', async () => {
    const account = await newAccount(client);
    const current = await (await refresh(account.refresh_token)).json<Required<Tokens>>();
    const tokens = await changed(current.access_token);
    for (const stolen of [current.refresh_token, account.refresh_token]) {
      await expectProblem(await refresh(stolen), 401, 'session_revoked');
    }
    const next = await refresh(tokens.refresh_token);
    expect(next.status).toBe(200);
    expect((await me((await next.json<Tokens>()).access_token)).status).toBe(200);
  });

  it('a logout by a token of the old session ends nothing', async () => {
    const stolen = await newAccount(client);
    const tokens = await changed(stolen.access_token);
    for (const scope of ['local', 'others', 'global']) {
      await client('POST', `/auth/logout?scope=${scope}`, {
        cookies: { itsor_session: stolen.access_token, itsor_session_refresh: stolen.refresh_token },
      });
    }
    expect((await me(tokens.access_token)).status).toBe(200);
  });

  it('the session has a new id, the scope and the absolute end of the old one, and begins anew', async () => {
    const account = await newAccount(client);
    later(6 * 86_400);
    const { access_token: bearer } = await (await refresh(account.refresh_token)).json<Tokens>();
    later(60);
    const response = await change(bearer, { 'User-Agent': 'a browser', 'CF-Connecting-IP': '203.0.113.9' });
    const tokens = await response.json<Required<Tokens>>();
    const rows = await sessionsOf(account.user.id);
    const old = rows.find(({ id }) => id === sessionOf(bearer));
    const next = rows.find(({ id }) => id === sessionOf(tokens.access_token));
    expect(old).toMatchObject({ revoked_reason: 'password_changed', refresh_counter: 1 });
    expect(next).toMatchObject({
      scope: 'offline_access',
      refresh_counter: 0,
      absolute_expires_at: old?.absolute_expires_at,
      ip: '203.0.113.9',
      user_agent: 'a browser',
      revoked_at: null,
    });
    expect(next?.id).not.toBe(old?.id);
    const lifeMs = new Date(next?.expires_at).getTime() - Date.now();
    expect(lifeMs).toBeGreaterThan(7 * 86_400_000 - 60_000);
    expect(rows.filter(({ revoked_at }) => revoked_at === null)).toHaveLength(1);
    expect(response.headers.getSetCookie()).toHaveLength(3);
  });

  it('the absolute end is no later than before, however near it is', async () => {
    const short = createClient({ JWT_REFRESH_TTL_DAYS: '1', SESSION_ABSOLUTE_DAYS: '1' });
    const account = await newAccount(short);
    later(86_400 - 600);
    const { access_token: bearer } = await (
      await short('POST', '/auth/refresh', { json: { refresh_token: account.refresh_token } })
    ).json<Tokens>();
    const json = { current_password: password, new_password: nextPassword };
    const tokens = await (await short('POST', '/auth/password', { bearer, json })).json<Required<Tokens>>();
    expect(tokens.expires_in).toBeLessThanOrEqual(600);
    later(601);
    const late = await short('POST', '/auth/refresh', { json: { refresh_token: tokens.refresh_token } });
    await expectProblem(late, 401, 'refresh_token_invalid');
  });

  it('no mail tells of a new device', async () => {
    const account = await newAccount(client);
    const before = (await mailsTo(account.user.email)).filter(({ template }) => template === 'new_sign_in');
    await changed(account.access_token);
    const after = (await mailsTo(account.user.email)).filter(({ template }) => template === 'new_sign_in');
    expect(after).toHaveLength(before.length);
  });

  it('no parallel refresh brings a token of the old session through', async () => {
    const account = await newAccount(client);
    const [response, ...refreshed] = await Promise.all([
      change(account.access_token),
      ...Array.from({ length: 6 }, () => refresh(account.refresh_token)),
    ]);
    expect(response.status).toBe(200);
    const { access_token: kept } = await response.json<Tokens>();
    for (const each of refreshed) {
      expect([200, 401]).toContain(each.status);
      if (each.status !== 200) continue;
      const tokens = await each.json<Required<Tokens>>();
      await expectProblem(await me(tokens.access_token), 401, 'session_revoked');
      await expectProblem(await refresh(tokens.refresh_token), 401, 'session_revoked');
    }
    expect((await me(kept)).status).toBe(200);
  });
});
