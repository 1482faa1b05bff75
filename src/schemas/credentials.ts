import * as z from 'zod';
import { Email, Password, text } from './text.ts';

const token = text().min(1, 'must not be empty').max(256, 'at most 256 characters');

export const ChangePasswordBody = z.strictObject({ current_password: Password, new_password: Password });
export const ForgotPasswordBody = z.strictObject({ email: Email });
export const ResetPasswordBody = z.strictObject({ token, password: Password });

export const LinkToken = z.strictObject({ token });
export const EmailCode = z.strictObject({
  email: Email,
  // Mail programs and people group digits, and a copy brings a space or a line break along.
  code: text()
    .overwrite((code) => code.replaceAll(/\s/g, ''))
    .regex(/^\d{6}$/, 'six digits'),
});

/** The token of a link, or the six digits with the address they were sent to. */
export const VerifyEmailBody = z.union([LinkToken, EmailCode], { error: 'either token, or email and code' });

export const ResendVerificationBody = z.strictObject({ email: Email });
export const ChangeEmailBody = z.strictObject({ password: Password, email: Email });
export const RestoreEmailBody = LinkToken;

/** The same whether an account exists or not. */
export const Accepted = z.object({ status: z.literal('accepted') }).meta({ id: 'Accepted' });
