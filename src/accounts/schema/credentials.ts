import * as z from 'zod';
import { canonicalCode, tokenOfLink } from '../../platform/rules/typed-text.ts';
import { Email, Password, pasted, text } from '../../platform/schema/text.ts';

const token = text().overwrite(tokenOfLink).min(1, 'must not be empty').max(256, 'at most 256 characters');

/**
 * While no token is needed it is ignored, so that a frontend may send it before Turnstile is on.
 */
export const turnstileToken = (needed: string) =>
  text()
    .max(2048, 'at most 2048 characters')
    .optional()
    .meta({ description: `the token of the Turnstile widget; required ${needed}` });

/** What asks for a mail to an address. @param route its name in TURNSTILE_ROUTES */
const mailRequest = (route: string) =>
  z.strictObject({
    email: Email,
    turnstile_token: turnstileToken(`where TURNSTILE_ROUTES has \`${route}\``),
  });

export const ChangePasswordBody = z.strictObject({ current_password: Password, new_password: Password });
export const ForgotPasswordBody = mailRequest('forgot');
export const ResetPasswordBody = z.strictObject({ token, password: Password });

export const LinkToken = z.strictObject({ token });

const signup_attempt = pasted()
  .max(2048, 'at most 2048 characters')
  .optional()
  .meta({ description: 'the one that the sign-up answered with; instead of its cookie' });
export const EmailCode = z.strictObject({
  email: Email,
  code: text()
    .overwrite(canonicalCode)
    .regex(/^\d{6}$/, 'six digits'),
});

/** The token of a link, or the six digits with the address they were sent to. */
export const VerifyEmailBody = z.union(
  [LinkToken.extend({ signup_attempt }), EmailCode.extend({ signup_attempt })],
  { error: 'either token, or email and code' },
);

/** The address is proved, and its account has no password: the proof came without the password of a sign-up. */
export const PasswordRequired = z
  .object({
    password_required: z.literal(true),
    reset_token: z
      .string()
      .meta({ description: 'sets a password at POST /auth/password/reset, once, within 30 minutes' }),
  })
  .meta({ id: 'PasswordRequired' });
export type PasswordRequired = z.infer<typeof PasswordRequired>;

export const ResendVerificationBody = mailRequest('resend');
export const ChangeEmailBody = z.strictObject({ password: Password, email: Email });
export const RestoreEmailBody = LinkToken;

/** The same whether an account exists or not. */
export const Accepted = z.object({ status: z.literal('accepted') }).meta({ id: 'Accepted' });

/** The same whether the address is known or not. */
export const SignupAccepted = Accepted.extend({
  signup_attempt: z
    .string()
    .optional()
    .meta({ description: 'only where the scope is offline_access; keep it as you keep a password' }),
}).meta({ id: 'SignupAccepted' });
export type SignupAccepted = z.infer<typeof SignupAccepted>;
