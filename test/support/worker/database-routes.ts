import { newAdmin } from './administrators.ts';
import { type Client, cookiesOf, newEmail, password } from './client.ts';
import { strayToken } from './mail.ts';
import { declarationOf, declare, pdf, put } from './uploads.ts';

type Send = (client: Client) => Promise<Response>;

/** A good request to each route that needs the database. Brackets in a key name a variant of the request. */
export const databaseRequests = async (wellClient: Client): Promise<Readonly<Record<string, Send>>> => {
  const { access_token: bearer, refresh_token, user } = await newAdmin(wellClient);
  const login = await wellClient('POST', '/auth/token', { json: { email: user.email, password } });
  const cookies = Object.fromEntries([...cookiesOf(login)].map(([name, { value }]) => [name, value]));
  const form = { username: user.email, password, grant_type: 'password' };

  const [reset, verify, restore] = await Promise.all(
    (['reset_password', 'verify_email', 'restore_email'] as const).map(strayToken),
  );

  const somebody = crypto.randomUUID();
  const as =
    (method: string, path: string, json?: object): Send =>
    (client) =>
      client(method, path, { bearer, json });

  const file = await declare(wellClient, bearer);
  const upload =
    (method: string, path = '') =>
    (client: Client) =>
      client(method, `/uploads/${file.id}${path}`, { bearer });

  return {
    'POST /uploads': async (client) => client('POST', '/uploads', { bearer, json: await declarationOf(pdf) }),
    'GET /uploads/limits': (client) => client('GET', '/uploads/limits', { bearer }),
    'GET /uploads': (client) => client('GET', '/uploads', { bearer }),
    'GET /uploads/{id}': upload('GET'),
    'GET /uploads/{id}/download': upload('GET', '/download'),
    'POST /uploads/{id}/complete': upload('POST', '/complete'),
    'DELETE /uploads/{id}': upload('DELETE'),
    'PUT /uploads/{id}/content': (client) => put(client, file),
    'POST /auth/password': (client) =>
      client('POST', '/auth/password', {
        bearer,
        json: { current_password: password, new_password: 'a wholly different phrase 42' },
      }),
    'POST /auth/password/forgot': (client) =>
      client('POST', '/auth/password/forgot', { json: { email: user.email } }),
    'POST /auth/password/reset': (client) =>
      client('POST', '/auth/password/reset', { json: { token: reset, password } }),
    'POST /auth/email/verify': (client) => client('POST', '/auth/email/verify', { json: { token: verify } }),
    'POST /auth/email/verify (by code)': (client) =>
      client('POST', '/auth/email/verify', { json: { email: user.email, code: '000000' } }),
    'POST /auth/email/resend': (client) =>
      client('POST', '/auth/email/resend', { json: { email: user.email } }),
    'POST /auth/email/change': (client) =>
      client('POST', '/auth/email/change', { bearer, json: { password, email: newEmail() } }),
    'POST /auth/email/restore': (client) =>
      client('POST', '/auth/email/restore', { json: { token: restore } }),
    'GET /dev/mailbox': (client) => client('GET', '/dev/mailbox'),
    'POST /auth/signup': (client) =>
      client('POST', '/auth/signup', { json: { email: newEmail(), password } }),
    'POST /auth/token': (client) => client('POST', '/auth/token', { json: { email: user.email, password } }),
    'POST /auth/token (by form)': (client) => client('POST', '/auth/token', { form }),
    'POST /auth/token (to refresh)': (client) =>
      client('POST', '/auth/token', { form: { grant_type: 'refresh_token', refresh_token } }),
    'POST /auth/refresh': (client) => client('POST', '/auth/refresh', { json: { refresh_token } }),
    'POST /auth/refresh (by cookie)': (client) => client('POST', '/auth/refresh', { cookies }),
    'POST /auth/logout': (client) => client('POST', '/auth/logout', { bearer }),
    'POST /auth/logout (by cookie)': (client) => client('POST', '/auth/logout?scope=global', { cookies }),
    'POST /auth/revoke': (client) => client('POST', '/auth/revoke', { form: { token: refresh_token } }),
    'GET /auth/me': (client) => client('GET', '/auth/me', { bearer }),
    'GET /users/me': (client) => client('GET', '/users/me', { cookies }),
    'PATCH /users/me': as('PATCH', '/users/me', { username: null }),
    'DELETE /users/me': as('DELETE', '/users/me', { password }),
    'GET /users/me/export': as('GET', '/users/me/export'),
    'GET /users/me/identities': as('GET', '/users/me/identities'),
    'DELETE /users/me/identities/{id}': as('DELETE', `/users/me/identities/${somebody}`),
    'GET /users': as('GET', '/users'),
    'GET /users (by prefix)': as('GET', '/users?q=a'),
    'POST /users': as('POST', '/users', { email: newEmail(), password }),
    'GET /users/{id}': as('GET', `/users/${user.id}`),
    'PATCH /users/{id}': as('PATCH', `/users/${somebody}`, { disabled: true }),
    'DELETE /users/{id}': as('DELETE', `/users/${somebody}`),
    'DELETE /users/{id}/sessions': as('DELETE', `/users/${somebody}/sessions`),
    'GET /users/{id}/uploads': as('GET', `/users/${user.id}/uploads`),
    'GET /permissions': as('GET', '/permissions'),
    'GET /roles': as('GET', '/roles'),
    'GET /roles/{name}': as('GET', '/roles/user'),
    'PUT /roles/{name}': as('PUT', '/roles/faulty', { permissions: [] }),
    'DELETE /roles/{name}': as('DELETE', '/roles/faulty'),
    'GET /audit': as('GET', '/audit'),
    'GET /auth/sessions': (client) => client('GET', '/auth/sessions', { bearer }),
    'DELETE /auth/sessions/{id}': (client) =>
      client('DELETE', `/auth/sessions/${crypto.randomUUID()}`, { bearer }),
  };
};
