import { AccountExport } from '../../accounts/schema/account-export.ts';
import {
  Accepted,
  ChangeEmailBody,
  ChangePasswordBody,
  ForgotPasswordBody,
  PasswordRequired,
  ResendVerificationBody,
  ResetPasswordBody,
  RestoreEmailBody,
  SignupAccepted,
  VerifyEmailBody,
} from '../../accounts/schema/credentials.ts';
import { DeleteMeBody, EditMeBody, User } from '../../accounts/schema/users.ts';
import { ExportQuery } from '../../platform/schema/page.ts';
import { SignupBody, TokenResponse } from '../../sessions/schema/tokens.ts';
import { IdentityList, IdentityParams } from '../../sso/schema.ts';
import type { Operation } from './operation.ts';

export const accounts = {
  'POST /auth/signup': {
    summary: 'Create an account and log in',
    tag: 'accounts',
    auth: 'none',
    json: SignupBody,
    response: {
      status: 201,
      description: 'The account and its first tokens; cookies are set',
      schema: TokenResponse,
    },
    otherwise: {
      status: 202,
      description:
        'Where addresses are verified first: the same whether the address is known or not. What was chosen is kept by the browser in a cookie, or by the client as `signup_attempt`, and becomes the account’s by a proof of the address that brings it along',
      schema: SignupAccepted,
    },
    errors: [
      'turnstile_failed',
      'email_taken',
      'username_taken',
      'weak_password',
      'validation_failed',
      'overloaded',
    ],
  },
  'POST /auth/password': {
    summary: 'Change the password; all sessions end, and the caller goes on in a new one',
    tag: 'accounts',
    auth: 'required',
    json: ChangePasswordBody,
    response: { status: 200, description: 'New tokens; cookies are set', schema: TokenResponse },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'email_not_verified',
      'weak_password',
      'conflict',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'POST /auth/password/forgot': {
    summary: 'Ask for a reset link by e-mail',
    tag: 'accounts',
    auth: 'none',
    json: ForgotPasswordBody,
    response: {
      status: 202,
      description: 'The same whether the address has an account or not',
      schema: Accepted,
    },
    errors: ['validation_failed'],
  },
  'POST /auth/password/reset': {
    summary:
      'Set a password by the token of a reset link, or of an undo link that has given the account back; all sessions end',
    tag: 'accounts',
    auth: 'none',
    json: ResetPasswordBody,
    response: { status: 204, description: 'Set' },
    errors: ['token_invalid', 'weak_password', 'validation_failed', 'overloaded'],
  },
  'POST /auth/email/verify': {
    summary: 'Prove an e-mail address by the token of a link, or by a code',
    tag: 'accounts',
    auth: 'none',
    json: VerifyEmailBody,
    response: {
      status: 204,
      description:
        'Proved. Where addresses are verified first, what the sign-up chose is the account’s now; its client brings it along (its cookie, or `signup_attempt`). A new address that another account has without a proof needs a session of the account that asked; else 409 `email_taken`',
    },
    otherwise: {
      status: 200,
      description:
        'Proved, where addresses are verified first, by another client than the one that signed up: the account has no password yet, and the token sets one',
      schema: PasswordRequired,
    },
    errors: ['token_invalid', 'email_taken', 'login_locked', 'duplicate_cookie', 'validation_failed'],
  },
  'POST /auth/email/resend': {
    summary: 'Ask for another verification mail; one a minute',
    tag: 'accounts',
    auth: 'none',
    json: ResendVerificationBody,
    response: {
      status: 202,
      description: 'The same whether the address waits for one or not',
      schema: Accepted,
    },
    errors: ['validation_failed'],
  },
  'POST /auth/email/change': {
    summary: 'Ask for another e-mail address, which has to prove itself first',
    tag: 'accounts',
    auth: 'required',
    json: ChangeEmailBody,
    response: { status: 202, description: 'A mail is on its way to the new address', schema: Accepted },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'email_not_verified',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'POST /auth/email/restore': {
    summary:
      'Undo a change of the e-mail address, by the token that went to the old one. The password, all sessions and what others have asked for end; for 30 minutes the same token sets a password, once, at /auth/password/reset',
    tag: 'accounts',
    auth: 'none',
    json: RestoreEmailBody,
    response: {
      status: 204,
      description: 'The old address is back. The same again until the token has set a password',
    },
    errors: ['token_invalid', 'email_taken', 'validation_failed'],
  },
  'GET /auth/me': {
    summary: 'Who one is',
    tag: 'accounts',
    auth: 'required',
    response: { status: 200, description: 'The account', schema: User },
    errors: ['account_disabled'],
  },
  'GET /users/me': {
    summary: 'Who one is',
    tag: 'accounts',
    auth: 'required',
    response: { status: 200, description: 'The account', schema: User },
    errors: ['account_disabled'],
  },
  'PATCH /users/me': {
    summary: "Change one's user name; null takes it away",
    tag: 'accounts',
    auth: 'required',
    json: EditMeBody,
    response: { status: 200, description: 'The account', schema: User },
    errors: ['account_disabled', 'email_not_verified', 'username_taken', 'validation_failed'],
  },
  'DELETE /users/me': {
    summary: "Delete one's account, with everything personal",
    tag: 'accounts',
    auth: 'required',
    json: DeleteMeBody,
    response: { status: 204, description: 'Deleted; cookies are cleared' },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'email_not_verified',
      'conflict',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'GET /users/me/identities': {
    summary: "One's identities at providers, oldest first",
    tag: 'accounts',
    auth: 'required',
    response: { status: 200, description: 'All of them', schema: IdentityList },
    errors: ['account_disabled', 'email_not_verified'],
  },
  'DELETE /users/me/identities/{id}': {
    summary: "Take an identity from one's account; 409 for the last way to log in",
    tag: 'accounts',
    auth: 'required',
    params: IdentityParams,
    response: { status: 204, description: 'Taken away' },
    errors: ['account_disabled', 'email_not_verified', 'not_found', 'conflict', 'validation_failed'],
  },
  'GET /users/me/export': {
    summary:
      'Everything that is kept of oneself, in pages over all lists: follow next_cursor until it is null',
    tag: 'accounts',
    auth: 'required',
    query: ExportQuery,
    response: { status: 200, description: 'A file', schema: AccountExport },
    errors: ['account_disabled', 'validation_failed'],
  },
} as const satisfies Record<string, Operation>;
