import { tokenReasonsOf } from '../accounts/http.ts';
import {
  Accepted,
  ChangePasswordBody,
  ForgotPasswordBody,
  ResetPasswordBody,
} from '../accounts/schema/credentials.ts';
import type { SessionContext } from '../platform/context.ts';
import { reasonsFor } from '../platform/http/reasons.ts';
import { route, type Web } from '../platform/http/route.ts';
import { respondWithTokens } from '../sessions/http.ts';
import { TokenResponse } from '../sessions/schema.ts';
import type { Passwords } from './service.ts';

/** The errors of a route that asks for the account's own password, beside its own. */
export const ownPasswordErrors = [
  'invalid_credentials',
  'account_disabled',
  'email_not_verified',
  'validation_failed',
  'login_locked',
  'overloaded',
] as const;

/** What else is wrong with a change of password that its schema refuses, for the API and the pages. */
export const changeReasons = ({ newPasswordReasons }: Pick<Passwords, 'newPasswordReasons'>) =>
  reasonsFor(
    ChangePasswordBody,
    async (ctx: SessionContext, { current_password: current = null, new_password: next }) =>
      next === undefined ? [] : newPasswordReasons(ctx, { current, next }),
  );

export const passwordRoutes = (passwords: Passwords, { config }: Pick<Web, 'config'>) => [
  route(
    {
      method: 'POST',
      path: '/auth/password',
      summary: 'Change the password; all sessions end, and the caller continues in a new one',
      description:
        'It needs the current password. Take the new tokens from the answer, because the ones of this request have ended too; browsers get them as cookies. A password that is too weak is refused with every reason at once.',
      tag: 'accounts',
      access: 'session',
      rate: 'password',
      json: ChangePasswordBody,
      reasons: changeReasons(passwords),
      answers: { 200: { description: 'New tokens; cookies are set', schema: TokenResponse } },
      errors: ['weak_password', 'conflict', ...ownPasswordErrors],
      budget: { trips: 2, objects: 6 },
    },
    async (c, ctx) => {
      const { current_password: current, new_password: next } = c.req.valid('json');
      return respondWithTokens(c, config, await passwords.change(ctx, { current, next }));
    },
  ),
  route(
    {
      method: 'POST',
      path: '/auth/password/forgot',
      summary: 'Ask for a reset link by e-mail',
      description:
        'The mail has a link with a token for /auth/password/reset. The answer never tells whether the address has an account.',
      tag: 'accounts',
      access: 'anyone',
      rate: 'mail',
      json: ForgotPasswordBody,
      reasons: tokenReasonsOf(config, 'forgot'),
      answers: {
        202: { description: 'The same whether the address has an account or not', schema: Accepted },
      },
      errors: ['turnstile_failed', 'validation_failed'],
      budget: { trips: 1, objects: 2 },
    },
    async (c, ctx) => {
      const { email, turnstile_token: turnstileToken = null } = c.req.valid('json');
      await passwords.forgot(ctx, { email, turnstileToken });
      return c.json({ status: 'accepted' as const }, 202);
    },
  ),
  route(
    {
      method: 'POST',
      path: '/auth/password/reset',
      summary:
        'Set a password by the token of a reset link, or of an undo link that has given the account back; all sessions end',
      description:
        'Your frontend calls it with the `token` of the link and the new password. The token serves once, and the person logs in afterwards; a password that is too weak does not use it up.',
      tag: 'accounts',
      access: 'anyone',
      rate: 'reset',
      json: ResetPasswordBody,
      answers: { 204: { description: 'The password is set; the same request again changes nothing' } },
      errors: ['token_invalid', 'weak_password', 'validation_failed', 'overloaded'],
      budget: { trips: 2, objects: 4 },
    },
    async (c, ctx) => {
      await passwords.reset(ctx, c.req.valid('json'));
      return c.body(null, 204);
    },
  ),
];
