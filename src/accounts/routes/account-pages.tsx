import type { Context } from 'hono';
import { createProveAddress, placeAfterProof } from '../../emails/http.ts';
import type { Emails } from '../../emails/service.ts';
import { changeReasons } from '../../passwords/routes.ts';
import type { Passwords } from '../../passwords/service.ts';
import { withFacts } from '../../platform/context.ts';
import { findAppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { actorOf } from '../../platform/http/identify.ts';
import { pageForm } from '../../platform/http/page-response.tsx';
import { page, type Web } from '../../platform/http/route.ts';
import { doneAt } from '../../platform/pages/notices.ts';
import {
  clearSessionCookies,
  createLogOut,
  createReplaceSession,
  keepTokens,
  setSignUpCookie,
} from '../../sessions/http.ts';
import type { IssuedTokens } from '../../sessions/rules/session.ts';
import { LoginBody, LogoutQuery, SessionParams, SignupBody } from '../../sessions/schema.ts';
import type { Sessions } from '../../sessions/service.ts';
import { IdentityParams } from '../../sso/schema.ts';
import type { Sso } from '../../sso/service.ts';
import { signUpReasons } from '../http.ts';
import { ChangeEmailBody, ChangePasswordBody, EmailCode } from '../schema/credentials.ts';
import type { Accounts } from '../service.ts';
import { createRenewal, renewedForms } from './renewal.tsx';
import { createShowAccount } from './show-account.tsx';

const formPaths = ['/account/login', '/account/signup', ...renewedForms] as const;

/** Whether a change of the password may have failed because the same form has changed it before. */
const mayBeRepeated = (thrown: unknown): boolean => {
  const code = findAppError(thrown)?.code;
  return code === 'session_revoked' || code === 'conflict';
};

/** The features behind the page; the API has the same ones. */
type PageFeatures = {
  readonly accounts: Accounts;
  readonly emails: Emails;
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly sso: Sso;
};

/** The account page and its forms, for teams without a frontend of their own. */
export const accountPageRoutes = (features: PageFeatures, web: Web) => {
  const { accounts, sessions, passwords, emails, sso } = features;
  const { config, identify } = web;
  const { cookies } = config;
  const logOut = createLogOut(sessions.logout, identify, config);
  const proveAddress = createProveAddress(emails, web);
  const replaceSession = createReplaceSession(sessions.logout, identify, config);
  const keepLogin = async (c: Context<AppEnv>, tokens: IssuedTokens) => {
    await replaceSession(c);
    keepTokens(c, config, tokens);
  };
  const { before, renewalRoutes } = createRenewal(sessions, web);
  const { showAccount, showSignedOut } = createShowAccount(features, web);

  /** Whether a sign-up was refused because this browser is logged in to the account of the address: it was sent twice. */
  const isOwnAddress = async (c: Context<AppEnv>, email: string, thrown: unknown): Promise<boolean> => {
    const presented = await identify(c);
    if (findAppError(thrown)?.code !== 'email_taken' || presented.kind !== 'valid') return false;
    const ctx = withFacts(c.var.ctx, { actor: actorOf(presented) });
    const own = await accounts.me(ctx, c.var.sessionAnswer).catch((error: unknown) => {
      if ((findAppError(error)?.status ?? 500) >= 500) throw error;
      return null;
    });
    return own?.email === email;
  };

  return [
    page({ method: 'GET', path: '/account', access: 'optional', before }, (c) => showAccount(c)),
    page(
      { method: 'POST', path: '/account/login', access: 'optional', rate: 'login' },
      pageForm({
        name: 'login',
        schema: LoginBody,
        submit: async (c, body) => {
          await keepLogin(c, await sessions.login(c.var.ctx, { ...body, resource: null }));
          return '/account';
        },
        again: showSignedOut,
      }),
    ),
    page(
      { method: 'POST', path: '/account/signup', access: 'optional', rate: 'signup' },
      pageForm({
        name: 'signup',
        schema: SignupBody,
        reasons: signUpReasons(accounts),
        submit: async (c, { username = null, turnstile_token: turnstileToken = null, ...body }) => {
          const request = { ...body, username, turnstileToken };
          const outcome = await accounts.signup(c.var.ctx, request).catch(async (thrown: unknown) => {
            if (await isOwnAddress(c, body.email, thrown)) return null;
            throw thrown;
          });
          if (outcome === null) return '/account';
          if (outcome.kind === 'pending') {
            setSignUpCookie(c, cookies, outcome.attempt);
            return doneAt('/verify-email', 'signed-up');
          }
          await keepLogin(c, outcome.tokens);
          return '/account';
        },
        again: showSignedOut,
      }),
    ),
    page(
      { method: 'POST', path: '/account/logout', access: 'optional', rate: 'anybody', before },
      pageForm({
        name: 'logout',
        schema: LogoutQuery,
        submit: async (c, { scope }) => {
          await logOut(c, scope);
          return doneAt('/account', scope === 'others' ? 'others-ended' : 'logged-out');
        },
        // A browser without a session could not log the others out; the page says so beside the login form.
        again: (c, failure) =>
          failure.error.status === 401 ? showSignedOut(c, failure) : showAccount(c, failure),
      }),
    ),
    page(
      { method: 'POST', path: '/account/sessions/end', access: 'session', before },
      pageForm({
        name: 'session',
        schema: SessionParams,
        submit: async (c, { id }, ctx) => {
          await sessions.end(ctx, id);
          if (id === ctx.actor.sessionId) clearSessionCookies(c, config);
          return doneAt('/account', 'session-ended');
        },
        again: showAccount,
      }),
    ),
    page(
      { method: 'POST', path: '/account/identities/unlink', access: 'session', before },
      pageForm({
        name: 'identity',
        schema: IdentityParams,
        submit: async (_, { id }, ctx) => {
          await sso.unlink(ctx, id);
          return doneAt('/account', 'identity-unlinked');
        },
        again: showAccount,
      }),
    ),
    page(
      { method: 'POST', path: '/account/password', access: 'session', rate: 'password', before },
      pageForm({
        name: 'password',
        schema: ChangePasswordBody,
        reasons: changeReasons(passwords),
        submit: async (c, { current_password: current, new_password: next }, ctx) => {
          try {
            keepTokens(c, config, await passwords.change(ctx, { current, next }));
          } catch (thrown) {
            // The button was pressed twice, and the first request has ended the session of the second.
            if (!mayBeRepeated(thrown) || !(await passwords.isChangedTo(ctx, next))) throw thrown;
          }
          return doneAt('/account', 'password-changed');
        },
        again: showAccount,
      }),
    ),
    page(
      { method: 'POST', path: '/account/email', access: 'session', rate: 'mail', before },
      pageForm({
        name: 'email',
        schema: ChangeEmailBody,
        submit: async (_, body, ctx) => {
          await emails.change(ctx, body);
          return doneAt('/account', 'email-change-asked');
        },
        again: showAccount,
      }),
    ),
    page(
      { method: 'POST', path: '/account/code', access: 'optional', rate: 'verify', before },
      pageForm({
        name: 'code',
        schema: EmailCode,
        submit: async (c, body) => placeAfterProof(await proveAddress(c, body), await identify(c)),
        again: showAccount,
      }),
    ),
    // Where password managers look for the form (W3C, A Well-Known URL for Changing Passwords).
    page({ method: 'GET', path: '/.well-known/change-password', access: 'anyone' }, (c) =>
      c.redirect('/account', 303),
    ),
    ...renewalRoutes,
    // A form that was not accepted leaves its own path in the address line, and a reload asks for it.
    ...formPaths.map((path) =>
      page({ method: 'GET', path, access: 'optional' }, (c) => c.redirect('/account', 303)),
    ),
  ];
};
