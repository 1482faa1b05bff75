import { tokenReasonsOf } from '../../accounts/http.ts';
import {
  Accepted,
  ChangeEmailBody,
  PasswordRequired,
  ResendVerificationBody,
  RestoreEmailBody,
  VerifyEmailBody,
} from '../../accounts/schema/credentials.ts';
import { ownPasswordErrors } from '../../passwords/routes.ts';
import { route, type Web } from '../../platform/http/route.ts';
import { createProveAddress } from '../http.ts';
import type { Emails } from '../service.ts';

/** Only a POST uses up a token: mail scanners open links. */
export const emailRoutes = (emails: Emails, web: Web) => {
  const { resend, change, restore } = emails;
  const proveAddress = createProveAddress(emails, web);

  return [
    route(
      {
        method: 'POST',
        path: '/auth/email/verify',
        summary: 'Prove an e-mail address by the token of a link, or by a code',
        description:
          'Your frontend calls it with the `token` of the link, or with the address and the `code` that a person has typed. It must be a POST after a click, because mail scanners open links. A token or a code serves once.',
        tag: 'accounts',
        access: 'anyone',
        rate: 'verify',
        json: VerifyEmailBody,
        answers: {
          204: {
            description:
              'Proved; a second use of the same link or code changes nothing. Where addresses are verified first, the account now has what the sign-up chose; the client that signed up sends it along (its cookie, or `signup_attempt`). A new address that an unproved account holds needs a session of the account that asked; without one the answer is 409 `email_taken`',
          },
          200: {
            description:
              'Proved, where addresses are verified first, by another client than the one that signed up: the account has no password yet, and the token sets one',
            schema: PasswordRequired,
          },
        },
        errors: ['token_invalid', 'email_taken', 'login_locked', 'duplicate_cookie', 'validation_failed'],
        budget: { trips: 1, objects: 4 },
      },
      async (c) => {
        const { signup_attempt: attempt, ...proof } = c.req.valid('json');
        const verified = await proveAddress(c, proof, attempt);
        if (verified.kind !== 'password_required') return c.body(null, 204);
        return c.json({ password_required: true as const, reset_token: verified.resetToken }, 200);
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/email/resend',
        summary: 'Ask for another verification mail; one a minute',
        description:
          'The mail has a fresh link and a fresh code. The answer never tells whether the address has an account.',
        tag: 'accounts',
        access: 'anyone',
        rate: 'mail',
        json: ResendVerificationBody,
        reasons: tokenReasonsOf(web.config, 'resend'),
        answers: {
          202: { description: 'The same whether the address waits for one or not', schema: Accepted },
        },
        errors: ['turnstile_failed', 'validation_failed'],
        budget: { trips: 1, objects: 2 },
      },
      async (c, ctx) => {
        const { email, turnstile_token: turnstileToken = null } = c.req.valid('json');
        await resend(ctx, { email, turnstileToken });
        return c.json({ status: 'accepted' as const }, 202);
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/email/change',
        summary: 'Ask for another e-mail address, which has to be proved first',
        description:
          'It needs the current password. The account keeps its address until the link in the mail to the new one is confirmed, and the old address is told of the change.',
        tag: 'accounts',
        access: 'session',
        rate: 'mail',
        json: ChangeEmailBody,
        answers: { 202: { description: 'A mail is on its way to the new address', schema: Accepted } },
        errors: ownPasswordErrors,
        budget: { trips: 2, objects: 5 },
      },
      async (c, ctx) => {
        await change(ctx, c.req.valid('json'));
        return c.json({ status: 'accepted' as const }, 202);
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/email/restore',
        summary:
          'Undo a change of the e-mail address, by the token that went to the old one. The password, all sessions and every pending request end; for 30 minutes the same token sets a password, once, at /auth/password/reset',
        description:
          'Your frontend calls it with the `token` of the mail to the old address, after a click. Then ask for a new password and send it with the same token to /auth/password/reset.',
        tag: 'accounts',
        access: 'anyone',
        rate: 'verify',
        json: RestoreEmailBody,
        answers: {
          204: { description: 'The old address is back. A second use changes nothing' },
        },
        errors: ['token_invalid', 'email_taken', 'validation_failed'],
        budget: { trips: 1, objects: 3 },
      },
      async (c, ctx) => {
        await restore(ctx, c.req.valid('json').token);
        return c.body(null, 204);
      },
    ),
  ];
};
