import { ownPasswordErrors } from '../../passwords/routes.ts';
import { route, type Web } from '../../platform/http/route.ts';
import { ExportQuery } from '../../platform/schema/page.ts';
import { clearSessionCookies } from '../../sessions/http.ts';
import { AccountExport, accountExportResponse } from '../schema/account-export.ts';
import { DeleteMeBody, EditMeBody, User, userResponse } from '../schema/users.ts';
import type { Accounts } from '../service.ts';

/** The same answer under `/auth/me` and `/users/me`. */
const readMe = (path: '/auth/me' | '/users/me', { me }: Pick<Accounts, 'me'>) =>
  route(
    {
      method: 'GET',
      path,
      summary: 'Read your account',
      description:
        'Call it when an app starts, to learn who is logged in. It reads the account as it is now, also after roles have changed. /auth/me and /users/me are the same.',
      tag: 'accounts',
      access: 'session',
      answers: { 200: { description: 'The account', schema: User } },
      errors: ['account_disabled'],
      budget: { trips: 0, objects: 1 },
    },
    async (c, ctx) => c.json(userResponse(await me(ctx, c.var.sessionAnswer)), 200),
  );

export const meRoutes = (accounts: Accounts, { config }: Pick<Web, 'config'>) => [
  readMe('/auth/me', accounts),
  readMe('/users/me', accounts),
  route(
    {
      method: 'PATCH',
      path: '/users/me',
      summary: 'Change your user name; null removes it',
      description:
        'A user name is unique and serves as a name at login, in capitals or not. The same name again changes nothing.',
      tag: 'accounts',
      access: 'session',
      json: EditMeBody,
      answers: { 200: { description: 'The account', schema: User } },
      errors: ['account_disabled', 'email_not_verified', 'username_taken', 'validation_failed'],
      budget: { trips: 1, objects: 2 },
    },
    async (c, ctx) => c.json(userResponse(await accounts.rename(ctx, c.req.valid('json').username)), 200),
  ),
  route(
    {
      method: 'DELETE',
      path: '/users/me',
      summary: 'Delete your account, with everything personal',
      description:
        'It needs the current password and cannot be undone. All sessions end. The last administrator is answered 409 `conflict`.',
      tag: 'accounts',
      access: 'session',
      rate: 'password',
      json: DeleteMeBody,
      answers: { 204: { description: 'Deleted; cookies are cleared' } },
      errors: ['conflict', ...ownPasswordErrors],
      budget: { trips: 2, objects: 7 },
    },
    async (c, ctx) => {
      await accounts.remove(ctx, c.req.valid('json').password);
      clearSessionCookies(c, config);
      return c.body(null, 204);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/users/me/export',
      summary:
        'Export everything that is kept about you, in pages over all lists: follow next_cursor until it is null',
      description:
        'The account, its sessions, identities, files and events, for a request under the GDPR. The bytes of files are under /uploads.',
      tag: 'accounts',
      access: 'session',
      query: ExportQuery,
      answers: { 200: { description: 'A file', schema: AccountExport } },
      errors: ['account_disabled', 'validation_failed'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const { cursor = null, limit } = c.req.valid('query');
      c.header('Content-Disposition', 'attachment; filename="account.json"');
      return c.json(accountExportResponse(await accounts.export(ctx, { cursor, limit })), 200);
    },
  ),
];
