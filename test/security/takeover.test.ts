import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, newEmail, password, type Tokens } from '../support/worker/client.ts';
import { mailsTo, strayToken, tokenIn } from '../support/worker/mail.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const nextPassword = 'a wholly different phrase 42';
const post = (path: string, json: object, bearer?: string) =>
  client('POST', path, { json, ...(bearer !== undefined && { bearer }) });

const forgot = async (email: string) => {
  await post('/auth/password/forgot', { email });
  return tokenIn(email, 'reset_password', 'reset_password');
};
const askFor = async (bearer: string, email: string) => {
  expect((await post('/auth/email/change', { password, email }, bearer)).status).toBe(202);
  return tokenIn(email, 'verify_new_email', 'change_email');
};
const confirm = async (token: string) => (await post('/auth/email/verify', { token })).status;
const reset = async (token: string, to = nextPassword) =>
  (await post('/auth/password/reset', { token, password: to })).status;
const change = async (bearer: string) =>
  (
    await post('/auth/password', { current_password: password, new_password: nextPassword }, bearer)
  ).json<Tokens>();

/** An account whose password a thief knows and has logged in by. */
const robbed = async () => {
  const owner = await newAccount(client);
  const { email } = owner.user;
  expect(await confirm(await tokenIn(email, 'verify_email', 'verify_email'))).toBe(204);
  const login = await post('/auth/token', { email, password });
  return { owner, email, thief: await login.json<Tokens>(), thiefsEmail: newEmail() };
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a change of address that a thief has asked for', () => {
  it('a requested change of address is void once the owner has changed the password', async () => {
    const { owner, email, thief, thiefsEmail } = await robbed();
    const token = await askFor(thief.access_token, thiefsEmail);
    const { access_token: bearer } = await change(owner.access_token);
    expect(await confirm(token)).toBe(400);
    const me = await (await client('GET', '/auth/me', { bearer })).json<Tokens['user']>();
    expect(me.email).toBe(email);
  });

  it('a requested change of address is void once the owner has reset the password', async () => {
    const { email, thief, thiefsEmail } = await robbed();
    const token = await askFor(thief.access_token, thiefsEmail);
    expect(await reset(await forgot(email))).toBe(204);
    expect(await confirm(token)).toBe(400);
  });

  it.each([
    ['logged out all devices', (bearer: string) => client('POST', '/auth/logout?scope=global', { bearer })],
    [
      'logged out all other devices',
      (bearer: string) => client('POST', '/auth/logout?scope=others', { bearer }),
    ],
  ])('a requested change of address is void once the owner has %s', async (_, logOut) => {
    const { owner, thief, thiefsEmail } = await robbed();
    const token = await askFor(thief.access_token, thiefsEmail);
    expect((await logOut(owner.access_token)).status).toBe(204);
    expect(await confirm(token)).toBe(400);
  });

  it('a requested change of address is void once the owner has ended the thief’s session by its id', async () => {
    const { owner, thief, thiefsEmail } = await robbed();
    const token = await askFor(thief.access_token, thiefsEmail);
    const bearer = owner.access_token;
    const { items } = await (await client('GET', '/auth/sessions', { bearer })).json<{
      items: { id: string; current: boolean }[];
    }>();
    for (const { id } of items.filter(({ current }) => !current)) {
      expect((await client('DELETE', `/auth/sessions/${id}`, { bearer })).status).toBe(204);
    }
    expect(await confirm(token)).toBe(400);
  });

  it('a requested change of address is void once a reused refresh token has ended its session', async () => {
    const owner = await newAccount(client);
    const token = await askFor(owner.access_token, newEmail());
    const refresh = (refresh_token: string) => post('/auth/refresh', { refresh_token });
    const next = await (await refresh(owner.refresh_token)).json<Required<Tokens>>();
    expect((await refresh(next.refresh_token)).status).toBe(200);
    vi.setSystemTime(Date.now() + 60_000);
    expect((await refresh(owner.refresh_token)).status).toBe(401);
    expect(await confirm(token)).toBe(400);
  });

  it.each([
    [
      'ended all sessions',
      (id: string, bearer: string) => client('DELETE', `/users/${id}/sessions`, { bearer }),
    ],
    [
      'disabled the account for a while',
      async (id: string, bearer: string) => {
        const set = (disabled: boolean) => client('PATCH', `/users/${id}`, { bearer, json: { disabled } });
        expect((await set(true)).status).toBe(200);
        return set(false);
      },
    ],
  ])('a requested change of address is void once an administrator has %s', async (_, act) => {
    const admin = await newAdmin(client);
    const { owner, thief, thiefsEmail } = await robbed();
    const token = await askFor(thief.access_token, thiefsEmail);
    expect((await act(owner.user.id, admin.access_token)).ok).toBe(true);
    expect(await confirm(token)).toBe(400);
  });

  it('a requested change of address stays good when only the session that asked logs out', async () => {
    const { owner } = await robbed();
    const token = await askFor(owner.access_token, newEmail());
    expect((await client('POST', '/auth/logout', { bearer: owner.access_token })).status).toBe(204);
    expect(await confirm(token)).toBe(204);
  });

  it('a requested change of address is void once another one is requested, and the newest is good', async () => {
    const { owner, thief, thiefsEmail } = await robbed();
    const [first, own] = [await askFor(thief.access_token, thiefsEmail), newEmail()];
    const second = await askFor(owner.access_token, own);
    expect(await confirm(first)).toBe(400);
    expect(await confirm(second)).toBe(204);
  });

  // Proves ASVS 7.5.1.
  it('the present address is told of a requested change, whether the new address is free or not', async () => {
    const { user: other } = await newAccount(client);
    for (const next of [newEmail(), other.email]) {
      const { email, thief } = await robbed();
      expect((await post('/auth/email/change', { password, email: next }, thief.access_token)).status).toBe(
        202,
      );
      const told = (await mailsTo(email)).filter(({ template }) => template === 'email_change_requested');
      expect(told.map(({ details }) => details)).toEqual([
        { new_email: next, ip: expect.stringContaining('2001:db8:'), user_agent: null },
      ]);
    }
  });

  it.each(['reset', 'change'] as const)(
    'a requested change of address is not confirmed beside a parallel %s of the password',
    async (how) => {
      const { owner, email, thief, thiefsEmail } = await robbed();
      const resetToken = how === 'reset' ? await forgot(email) : await strayToken('reset_password');
      const repair = how === 'reset' ? () => reset(resetToken) : () => change(owner.access_token);
      const ask = post('/auth/email/change', { password, email: thiefsEmail }, thief.access_token);
      await Promise.all([repair(), ask]);
      if ((await mailsTo(thiefsEmail)).length === 0) return;
      expect(await confirm(await tokenIn(thiefsEmail, 'verify_new_email', 'change_email'))).toBe(400);
    },
  );
});

describe('a link to the old address', () => {
  it('the link to the old address gives the account back even after a change of the password', async () => {
    const { email, thief, thiefsEmail } = await robbed();
    expect(await confirm(await askFor(thief.access_token, thiefsEmail))).toBe(204);
    const restore = await tokenIn(email, 'email_changed', 'restore_email');
    await change(thief.access_token);
    expect((await post('/auth/email/restore', { token: restore })).status).toBe(204);
  });
});

describe('a reset link', () => {
  // Proves ASVS 6.4.3.
  it('a reset link is void once the password has been changed', async () => {
    const { owner, email } = await robbed();
    const token = await forgot(email);
    await change(owner.access_token);
    expect(await reset(token, 'yet another phrase, no. 43')).toBe(400);
    const login = await post('/auth/token', { email, password: nextPassword });
    expect(login.status).toBe(200);
  });

  it('a reset link can be requested at once after the password has been changed', async () => {
    const { owner, email } = await robbed();
    await forgot(email);
    await change(owner.access_token);
    vi.setSystemTime(Date.now() + 1);
    expect(await reset(await forgot(email), 'yet another phrase, no. 43')).toBe(204);
  });
});
