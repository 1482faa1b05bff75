import { expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, newEmail, password, type Tokens } from '../support/worker/client.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });

/** The rows of docs/adr/0045: honest input that is refused, and the status and code of the answer. */
const rows: Readonly<
  Record<string, readonly [number, string, (account: Required<Tokens>) => Promise<Response>]>
> = {
  'the session cookie twice, with one value': [
    400,
    'duplicate_cookie',
    ({ access_token: token }) =>
      client('GET', '/auth/me', { headers: { Cookie: `itsor_session=${token}; itsor_session=${token}` } }),
  ],
  'Origin: null beside a cookie': [
    403,
    'csrf_rejected',
    ({ access_token }) =>
      client('PATCH', '/users/me', {
        cookies: { itsor_session: access_token },
        headers: { Origin: 'null' },
        json: { username: null },
      }),
  ],
  'an empty query parameter': [
    422,
    'validation_failed',
    ({ access_token: bearer }) => client('GET', '/auth/sessions?cursor=', { bearer }),
  ],
  'an empty user name': [
    422,
    'validation_failed',
    ({ access_token: bearer }) => client('PATCH', '/users/me', { bearer, json: { username: '' } }),
  ],
  'a member that is not known': [
    422,
    'validation_failed',
    () => client('POST', '/auth/signup', { json: { email: newEmail(), password, name: 'Ada' } }),
  ],
  'grant_type in JSON': [
    422,
    'validation_failed',
    ({ user }) =>
      client('POST', '/auth/token', { json: { grant_type: 'password', username: user.email, password } }),
  ],
  'a weak tag in If-Match': [
    412,
    'precondition_failed',
    async ({ user }) => {
      const { access_token: bearer } = await newAdmin(client);
      const tag = (await client('GET', `/users/${user.id}`, { bearer })).headers.get('ETag');
      return client('PATCH', `/users/${user.id}`, {
        bearer,
        headers: { 'If-Match': `W/${tag?.replace(/^W\//, '')}` },
        json: { must_change_password: true },
      });
    },
  ],
};

it.each(Object.keys(rows))('%s is refused, with an answer that names it', async (row) => {
  const [status, code, send] = rows[row] ?? [];
  const response = await send?.(await newAccount(client));
  expect([response?.status, (await response?.json<{ code: string }>())?.code]).toEqual([status, code]);
});
