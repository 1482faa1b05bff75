import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Client, cookiesOf, createClient, newAccount, type Tokens } from '../support/worker/client.ts';

const client = createClient();
const refresh = (refresh_token: string, by: Client = client) =>
  by('POST', '/auth/refresh', { json: { refresh_token } });
const refreshed = async (token: string) => (await refresh(token)).json<Required<Tokens>>();
const me = (bearer: string) => client('GET', '/auth/me', { bearer });

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('POST /auth/refresh', () => {
  // Proves ASVS 7.2.2.
  it('rotates the token of a body into the body', async () => {
    const account = await newAccount(client);
    const response = await refresh(account.refresh_token);
    expect(response.status).toBe(200);
    const tokens = await response.json<Required<Tokens>>();
    expect(tokens.refresh_token).not.toBe(account.refresh_token);
    expect(tokens.user).toEqual(account.user);
    expect((await me(tokens.access_token)).status).toBe(200);
  });

  // Proves ASVS 3.3.4.
  it('rotates the token of a cookie into the cookie, and never into the body', async () => {
    const account = await newAccount(client);
    const response = await client('POST', '/auth/refresh', {
      cookies: { itsor_session_refresh: account.refresh_token },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).not.toHaveProperty('refresh_token');
    expect(cookiesOf(response).get('itsor_session_refresh')?.value).not.toBe(account.refresh_token);
  });

  it('accepts only the one spelling of a token, down to the unused bits of its last character', async () => {
    const { refresh_token: token } = await newAccount(client);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.slice(-1));
    for (const bits of [1, 2, 3])
      expect((await refresh(token.slice(0, -1) + alphabet[last + bits])).status).toBe(401);
    expect((await refresh(token)).status).toBe(200);
  });

  // Proves RFC 9700, 4.14.2.
  it('answers a racing tab with the same successor, within the grace', async () => {
    const account = await newAccount(client);
    const first = await refreshed(account.refresh_token);
    later(10);
    const second = await refresh(account.refresh_token);
    expect(second.status).toBe(200);
    expect((await second.json<Required<Tokens>>()).refresh_token).toBe(first.refresh_token);
    expect((await refresh(first.refresh_token)).status).toBe(200);
  });

  // Proves ASVS 10.4.5; RFC 9700, 4.14.2.
  it('refuses a reused token after the grace and revokes its session', async () => {
    const account = await newAccount(client);
    const successor = await refreshed(account.refresh_token);
    later(11);
    const reused = await refresh(account.refresh_token);
    expect(reused.status).toBe(401);
    expect(reused.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
    expect(reused.headers.getSetCookie()).toEqual([]);
    expect(await reused.json()).toMatchObject({ code: 'refresh_token_reused' });

    expect(await (await me(successor.access_token)).json()).toMatchObject({ code: 'session_revoked' });
    const after = await refresh(successor.refresh_token);
    expect(await after.json()).toMatchObject({ status: 401, code: 'session_revoked' });
  });

  // Proves ASVS 2.3.1.
  it('refuses a token that is two steps behind even within the grace', async () => {
    const account = await newAccount(client);
    await refreshed((await refreshed(account.refresh_token)).refresh_token);
    expect(await (await refresh(account.refresh_token)).json()).toMatchObject({
      code: 'refresh_token_reused',
    });
  });

  // Proves ASVS 7.3.1; ASVS 7.3.2; ASVS 10.4.8.
  it('slides by the refresh life and ends at the absolute life', async () => {
    const short = createClient({ JWT_REFRESH_TTL_DAYS: '2', SESSION_ABSOLUTE_DAYS: '3' });
    const day = 86_400;
    const account = await newAccount(short);
    later(1.5 * day);
    const once = await refresh(account.refresh_token, short);
    expect(once.status).toBe(200);
    later(1.4 * day);
    const twice = await refresh((await once.json<Required<Tokens>>()).refresh_token, short);
    expect(twice.status).toBe(200);
    const tokens = await twice.json<Required<Tokens>>();
    later(0.2 * day);
    const tooLate = await refresh(tokens.refresh_token, short);
    expect(await tooLate.json()).toMatchObject({ status: 401, code: 'refresh_token_invalid' });
  });

  // Proves ASVS 7.3.2.
  it('never issues an access token that outlives the session', async () => {
    const short = createClient({
      JWT_REFRESH_TTL_DAYS: '1',
      SESSION_ABSOLUTE_DAYS: '1',
      JWT_ACCESS_MINUTES: '1440',
    });
    const account = await newAccount(short);
    later(86_400 - 600);
    const tokens = await (await refresh(account.refresh_token, short)).json<Tokens>();
    expect(tokens.expires_in).toBeLessThanOrEqual(600);
  });

  it.each([
    ['nothing', {}],
    ['an empty cookie', { cookies: { itsor_session_refresh: '' } }],
    ['a made-up token', { json: { refresh_token: `${'0'.repeat(32)}.0.${'A'.repeat(43)}` } }],
    ['an access token', { json: { refresh_token: 'a.b.c' } }],
  ])('refuses %s', async (_, init) => {
    const response = await client('POST', '/auth/refresh', init);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'refresh_token_invalid' });
  });

  // Proves ASVS 7.2.3.
  it('refuses a token whose session or counter was changed', async () => {
    const { refresh_token: token } = await newAccount(client);
    const [session, counter, mac] = token.split('.');
    for (const forged of [
      `${session}.1.${mac}`,
      `${'a'.repeat(32)}.${counter}.${mac}`,
      `${session}.${counter}.${'A'.repeat(43)}`,
    ]) {
      expect((await refresh(forged)).status).toBe(401);
    }
    expect((await refresh(token)).status).toBe(200);
  });

  // Proves ASVS 11.2.2.
  it('accepts tokens of a previous SECRET_KEY and issues new ones under the current key', async () => {
    const before = createClient({ SECRET_KEY: 'first-secret-key-of-32-bytes-or-more' });
    const after = createClient({
      SECRET_KEY: 'second-secret-key-of-32-bytes-or-more',
      SECRET_KEY_PREVIOUS: 'first-secret-key-of-32-bytes-or-more',
    });
    const only = createClient({ SECRET_KEY: 'second-secret-key-of-32-bytes-or-more' });
    const account = await newAccount(before);
    expect((await refresh(account.refresh_token, only)).status).toBe(401);
    const rotated = await refresh(account.refresh_token, after);
    expect(rotated.status).toBe(200);
    expect((await refresh((await rotated.json<Required<Tokens>>()).refresh_token, only)).status).toBe(200);
  });

  // Proves ASVS 2.3.4.
  it('gives 50 parallel refreshes of one token the same successor', async () => {
    const account = await newAccount(client);
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => refresh(account.refresh_token, createClient())),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    const bodies = await Promise.all(responses.map((response) => response.json<Required<Tokens>>()));
    expect(new Set(bodies.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    later(11);
    expect(await (await refresh(account.refresh_token)).json()).toMatchObject({
      code: 'refresh_token_reused',
    });
    expect(await (await me(account.access_token)).json()).toMatchObject({ code: 'session_revoked' });
  });
});
