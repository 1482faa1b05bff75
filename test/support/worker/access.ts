import { type Client, newAccount, newEmail, password, type Tokens } from './client.ts';
import { strayScanResult } from './scan-result.ts';
import { declare } from './uploads.ts';

/** Where a request goes, and what it carries beside the credential. */
export type Attempt = { readonly path?: string; readonly init?: Parameters<Client>[2] };

type Made = { readonly other: Required<Tokens>; readonly client: Client };

/** Which caller gets which answer. Every other caller is refused, by one rule for all routes. */
export type Access = {
  /** The status for anybody, whatever they hold. */
  readonly everybody?: number;
  /** The status for a good login of any account. */
  readonly loggedIn?: number;
  /** The status for a caller with the permission that the route requires. */
  readonly permitted?: number;
  /** The status for a caller with that permission alone, who may not read the result. */
  readonly unread?: number;
  /** It ends or changes the actor, who can serve only once. */
  readonly usesUp?: true;
  readonly attempt?: (made: Made) => Attempt | Promise<Attempt>;
};

const json = (body: object): Attempt => ({ init: { json: body } });
const forOther =
  (path: string, body?: object) =>
  ({ other }: Made): Attempt => ({
    path: path.replace('{id}', other.user.id),
    ...(body && { init: { json: body } }),
  });
const forNewUser =
  (path: string) =>
  async ({ client }: Made): Promise<Attempt> => ({
    path: path.replace('{id}', (await newAccount(client)).user.id),
  });
/** A file that somebody else has declared. */
const forUpload =
  (path: string) =>
  async ({ client }: Made): Promise<Attempt> => {
    const { access_token: stranger } = await newAccount(client);
    return { path: `/uploads/${(await declare(client, stranger)).id}${path}` };
  };
const newRoleName = () => `m${crypto.randomUUID().slice(0, 8)}`;

/** Every operation of the app. A test demands a row for each, and none that is left over. */
export const access: Readonly<Record<string, Access>> = {
  // A browser that opens another session ends the one that it had.
  'POST /auth/signup': {
    everybody: 201,
    usesUp: true,
    attempt: () => json({ email: newEmail(), password }),
  },
  'POST /auth/token': { everybody: 401, attempt: () => json({ email: newEmail(), password }) },
  'POST /auth/refresh': { everybody: 401, attempt: () => json({ refresh_token: 'made-up' }) },
  'POST /auth/logout': { everybody: 204, usesUp: true },
  'POST /auth/revoke': { everybody: 200, attempt: () => ({ init: { form: { token: 'made-up' } } }) },
  // Not there without a client.
  'POST /auth/introspect': { everybody: 404, attempt: () => ({ init: { form: { token: 'made-up' } } }) },
  'POST /auth/password': {
    loggedIn: 200,
    usesUp: true,
    attempt: () => json({ current_password: password, new_password: 'umbrella lantern orchard 47' }),
  },
  'POST /auth/password/forgot': { everybody: 202, attempt: () => json({ email: newEmail() }) },
  'POST /auth/password/reset': { everybody: 400, attempt: () => json({ token: 'made-up', password }) },
  'POST /auth/email/verify': { everybody: 400, attempt: () => json({ token: 'made-up' }) },
  'POST /auth/email/resend': { everybody: 202, attempt: () => json({ email: newEmail() }) },
  'POST /auth/email/change': { loggedIn: 202, attempt: () => json({ email: newEmail(), password }) },
  'POST /auth/email/restore': { everybody: 400, attempt: () => json({ token: 'made-up' }) },
  'GET /auth/me': { loggedIn: 200 },
  'GET /users/me': { loggedIn: 200 },
  'PATCH /users/me': { loggedIn: 200, attempt: () => json({ username: newRoleName() }) },
  'DELETE /users/me': { loggedIn: 204, usesUp: true, attempt: () => json({ password }) },
  'GET /users/me/export': { loggedIn: 200 },
  'GET /users/me/identities': { loggedIn: 200 },
  // Another's identity is not there.
  'DELETE /users/me/identities/{id}': { loggedIn: 404, attempt: forOther('/users/me/identities/{id}') },
  // Not there without a provider.
  'GET /auth/oauth/{provider}': { everybody: 404, attempt: () => ({ path: '/auth/oauth/acme' }) },
  'GET /auth/oauth/{provider}/callback': {
    everybody: 404,
    attempt: () => ({ path: '/auth/oauth/acme/callback?code=made-up&state=made-up' }),
  },
  'GET /auth/sessions': { loggedIn: 200 },
  // Another's session is not there, whatever one may do.
  'DELETE /auth/sessions/{id}': { loggedIn: 404, attempt: forOther('/auth/sessions/{id}') },
  'GET /users': { permitted: 200 },
  'POST /users': { permitted: 201, attempt: () => json({ email: newEmail() }) },
  'GET /users/{id}': { permitted: 200, attempt: forOther('/users/{id}') },
  'PATCH /users/{id}': {
    permitted: 200,
    unread: 204,
    attempt: forOther('/users/{id}', { must_change_password: false }),
  },
  'DELETE /users/{id}': { permitted: 204, attempt: forNewUser('/users/{id}') },
  'DELETE /users/{id}/sessions': { permitted: 204, attempt: forNewUser('/users/{id}/sessions') },
  'GET /users/{id}/uploads': { permitted: 200, attempt: forOther('/users/{id}/uploads') },
  'GET /permissions': { permitted: 200 },
  'GET /roles': { permitted: 200 },
  'GET /roles/{name}': { permitted: 200, attempt: () => ({ path: '/roles/user' }) },
  'PUT /roles/{name}': {
    permitted: 201,
    attempt: () => ({ path: `/roles/${newRoleName()}`, ...json({ permissions: [] }) }),
  },
  'DELETE /roles/{name}': { permitted: 404, attempt: () => ({ path: '/roles/nobody-has-this' }) },
  'GET /audit': { permitted: 200 },
  'POST /uploads': {
    loggedIn: 201,
    attempt: () =>
      json({
        filename: `${newRoleName()}.pdf`,
        content_type: 'application/pdf',
        size: 1,
        sha256: '0'.repeat(64),
      }),
  },
  'GET /uploads': { loggedIn: 200 },
  'GET /uploads/limits': { loggedIn: 200 },
  // A file of another account does not exist for the caller, whatever its permissions.
  'GET /uploads/{id}': { loggedIn: 404, attempt: forUpload('') },
  'DELETE /uploads/{id}': { loggedIn: 404, attempt: forUpload('') },
  'POST /uploads/{id}/complete': { loggedIn: 404, attempt: forUpload('/complete') },
  'GET /uploads/{id}/download': { loggedIn: 404, attempt: forUpload('/download') },
  // Its signature is what admits, and nobody's login.
  'PUT /uploads/{id}/content': {
    everybody: 403,
    attempt: forUpload(`/content?expires=9999999999&signature=${'A'.repeat(43)}`),
  },
  // Not there under the local scanner; its secret is tested where it is.
  'POST /webhooks/scan-result': { everybody: 404, attempt: () => json(strayScanResult) },
  'GET /health': { everybody: 200 },
  'GET /healthz': { everybody: 200 },
  'GET /readyz': { everybody: 200 },
  'GET /dev/mailbox': { everybody: 200 },
  'GET /.well-known/jwks.json': { everybody: 200 },
  'GET /.well-known/oauth-authorization-server': { everybody: 200 },
  'GET /flags': { everybody: 200 },
  'GET /openapi.json': { everybody: 200 },
  'GET /docs': { everybody: 200 },
  'GET /docs/errors': { everybody: 200 },
  'GET /docs/assets/{file}': { everybody: 200, attempt: () => ({ path: '/docs/assets/swagger-ui.css' }) },
};
