import { expect } from 'vitest';
import { newAdmin } from './administrators.ts';
import { type Client, createClient, newEmail, password, silentQueue, type Tokens } from './client.ts';
import { countRoundTrips } from './database.ts';
import { createMoves, lenient, nextPassword } from './moves.ts';

// What delivers mails meanwhile would be counted too.
export const quiet = { ...lenient, MAIL_QUEUE: silentQueue };
export const client = createClient(quiet as never);
export const moves = createMoves(client);

export type Owner = Awaited<ReturnType<typeof moves.newOwner>>;

export const me = (bearer: string, from: Client = client) => from('GET', '/auth/me', { bearer });
/** The gate knows the session after this. */
export const warm = async (bearer: string): Promise<void> => {
  await me(bearer);
  expect(await countRoundTrips(() => me(bearer)), 'the gate knows the session').toBe(0);
};
export const asAdmin = async (method: string, path: string, json?: object): Promise<void> => {
  const { access_token: bearer } = await newAdmin(client);
  const response = await client(method, path, { bearer, ...(json && { json }) });
  expect(response.status, await response.text()).toBeLessThan(300);
};
const loginAgain = async (email: string): Promise<Tokens> => {
  const tokens = await moves.login(email);
  if (!tokens) throw new Error('the login was refused');
  return tokens;
};

/** Each way in which a session ends, by the API. It is told to have ended before the request of the way is answered. */
export const endings: Readonly<Record<string, (owner: Owner) => Promise<unknown>>> = {
  'a logout': ({ bearer }) => client('POST', '/auth/logout', { bearer }),
  'a logout by its refresh token': ({ refresh_token }) =>
    client('POST', '/auth/logout', { cookies: { itsor_session_refresh: refresh_token } }),
  'a logout everywhere by another session': async ({ email }) => {
    const { access_token: bearer } = await loginAgain(email);
    await client('POST', '/auth/logout', { bearer, json: { scope: 'global' } });
  },
  'a logout of the others': async ({ email }) => {
    const { access_token: bearer } = await loginAgain(email);
    await client('POST', '/auth/logout', { bearer, json: { scope: 'others' } });
  },
  'its end from the list of sessions': async ({ bearer, email }) => {
    const list = await client('GET', '/auth/sessions', { bearer });
    const { items } = await list.json<{ items: { id: string; current: boolean }[] }>();
    const { access_token: other } = await loginAgain(email);
    const id = items.find(({ current }) => current)?.id;
    expect((await client('DELETE', `/auth/sessions/${id}`, { bearer: other })).status).toBe(204);
  },
  'a revocation (RFC 7009)': ({ refresh_token }) =>
    client('POST', '/auth/revoke', { form: { token: refresh_token } }),
  'a refresh token that is used twice': async ({ refresh_token }) => {
    const refresh = async (token: string) =>
      (await client('POST', '/auth/refresh', { json: { refresh_token: token } })).json<Tokens>();
    const { refresh_token: second = '' } = await refresh(refresh_token);
    await refresh(second);
    await refresh(refresh_token);
  },
  'a login beyond the limit of sessions': async ({ email }) => {
    const one = createClient({ ...quiet, SESSION_MAX_PER_ACCOUNT: '1' });
    await one('POST', '/auth/token', { json: { email, password } });
  },
  'a change of the password': ({ bearer }) =>
    client('POST', '/auth/password', {
      bearer,
      json: { current_password: password, new_password: nextPassword },
    }),
  'a reset of the password': async ({ email }) => {
    expect(await moves.reset(await moves.forgot(email))).toBe(204);
  },
  'the undo of a change of address': async ({ bearer, email }) => {
    expect(await moves.move(bearer, newEmail())).toBe(204);
    await warm(bearer);
    expect(await moves.restore(await moves.undoLink(email))).toBe(204);
  },
  'the deletion of the account': ({ bearer }) =>
    client('DELETE', '/users/me', { bearer, json: { password } }),
  'an administrator who ends the sessions': ({ id }) => asAdmin('DELETE', `/users/${id}/sessions`),
  'an administrator who disables the account': ({ id }) =>
    asAdmin('PATCH', `/users/${id}`, { disabled: true }),
  'an administrator who takes the password': ({ id }) => asAdmin('PATCH', `/users/${id}`, { password: null }),
  'an administrator who deletes the account': ({ id }) => asAdmin('DELETE', `/users/${id}`),
};
