import { describe, expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { tokenIn } from '../support/worker/mail.ts';

const client = createClient({ RATE_LIMIT_MAX: '10000' });
const nextPassword = 'a wholly different phrase 42';

const edit = async ({ user }: Tokens, json: object) => {
  const { access_token: bearer } = await newAdmin(client);
  return async () => (await client('PATCH', `/users/${user.id}`, { bearer, json })).status;
};

const change = async ({ access_token: bearer }: Tokens) => {
  const json = { current_password: password, new_password: nextPassword };
  return async () => (await client('POST', '/auth/password', { bearer, json })).status;
};

const reset = async ({ user: { email } }: Tokens) => {
  await client('POST', '/auth/password/forgot', { json: { email } });
  const token = await tokenIn(email, 'reset_password', 'reset_password');
  const json = { token, password: nextPassword };
  return async () => (await client('POST', '/auth/password/reset', { json })).status;
};

describe('a login with the old password that is still being hashed', () => {
  // Some of them are read before the change and opened after it, whatever the machine.
  const pauses = Array.from({ length: 10 }, (_, at) => at * 4);
  const overlap = async (email: string, pauseMs: number, change: () => Promise<number>) => {
    const login = client('POST', '/auth/token', { json: { email, password } });
    await scheduler.wait(pauseMs);
    expect(await change()).toBeLessThan(300);
    const response = await login;
    if (response.status !== 200) return response.status;
    const { access_token: bearer } = await response.json<Tokens>();
    return (await client('GET', '/auth/me', { bearer })).status;
  };

  it.each<[string, (account: Tokens) => Promise<() => Promise<number>>]>([
    ['a reset', reset],
    ['a change', change],
    ['an administrator who takes it away', (account) => edit(account, { password: null })],
    ['an administrator who disables the account', (account) => edit(account, { disabled: true })],
  ])('opens no session that outlives %s', async (_, prepare) => {
    for (const pauseMs of pauses) {
      const account = await newAccount(client);
      const statuses = await overlap(account.user.email, pauseMs, await prepare(account));
      expect([401, 403], `after ${pauseMs} ms`).toContain(statuses);
    }
  });
});
