import { type Context, Hono } from 'hono';
import { createProveAddress } from '../../emails/http/sign-up-attempt.ts';
import { afterProof } from '../../emails/routes/after-proof.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import type { Identify } from '../../platform/http/identify.ts';
import { pageForm } from '../../platform/http/page-forms.ts';
import { authenticate } from '../../platform/middleware/authenticate.ts';
import { doneAt } from '../../platform/pages/notices.ts';
import type { Site } from '../../platform/pages/site.ts';
import { clearSessionCookies, setSessionCookies, setSignUpCookie } from '../../sessions/http/cookies.ts';
import { createLogOut } from '../../sessions/http/log-out.ts';
import type { IssuedTokens } from '../../sessions/rules/session.ts';
import { SessionParams } from '../../sessions/schema/sessions.ts';
import { LoginBody, LogoutQuery, SignupBody } from '../../sessions/schema/tokens.ts';
import { IdentityParams } from '../../sso/schema.ts';
import { ChangeEmailBody, ChangePasswordBody, EmailCode } from '../schema/credentials.ts';
import type { PageServices } from './page-services.ts';
import { createShowAccount } from './show-account.tsx';

type PageConfig = Pick<Config, 'cookies' | 'email' | 'jwt' | 'password' | 'turnstile'>;

const formPaths = [
  'login',
  'signup',
  'logout',
  'sessions/end',
  'identities/unlink',
  'password',
  'email',
  'code',
].map((form) => `/account/${form}`);

/** The account page and its forms, for teams without a frontend of their own. */
export const accountPageRoutes = (
  { account, session, password, email, identity }: PageServices,
  config: PageConfig,
  { identify, site }: { identify: Identify; site: Site },
) => {
  const { cookies } = config;
  const signedIn = authenticate(identify);
  const logOut = createLogOut(session.logout, identify, config);
  const proveAddress = createProveAddress({ verify: email.verify, config, identify });
  const keepTokens = (c: Context<AppEnv>, tokens: IssuedTokens) => {
    c.set('userId', tokens.account.id);
    setSessionCookies(c, cookies, tokens);
  };
  const { me } = account;
  const { list } = session;
  const { showAccount, showSignedOut } = createShowAccount({ me, list, identity, config, identify, site });

  return (
    new Hono<AppEnv>()
      .get('/account', (c) => showAccount(c))
      .post(
        '/account/login',
        pageForm({
          name: 'login',
          schema: LoginBody,
          submit: async (c, body) => {
            keepTokens(c, await session.login(c.var.ctx, body));
            return '/account';
          },
          again: showSignedOut,
        }),
      )
      .post(
        '/account/signup',
        pageForm({
          name: 'signup',
          schema: SignupBody,
          submit: async (c, { username = null, turnstile_token: turnstileToken = null, ...body }) => {
            const outcome = await account.signup(c.var.ctx, { ...body, username, turnstileToken });
            if (outcome.kind === 'pending') {
              setSignUpCookie(c, cookies, outcome.attempt);
              return doneAt('/verify-email', 'signed-up');
            }
            keepTokens(c, outcome.tokens);
            return '/account';
          },
          again: showSignedOut,
        }),
      )
      .post(
        '/account/logout',
        pageForm({
          name: 'logout',
          schema: LogoutQuery,
          submit: async (c, { scope }) => {
            await logOut(c, scope);
            return doneAt('/account', scope === 'others' ? 'others-ended' : 'logged-out');
          },
          // Whoever is logged out here already has not logged the others out, and is told so beside the ways in.
          again: (c, failure) =>
            failure.error.status === 401 ? showSignedOut(c, failure) : showAccount(c, failure),
        }),
      )
      .post(
        '/account/sessions/end',
        signedIn,
        pageForm({
          name: 'session',
          schema: SessionParams,
          submit: async (c, { id }) => {
            await session.end(c.var.ctx, id);
            if (id === c.var.ctx.actor?.sessionId) clearSessionCookies(c, cookies);
            return doneAt('/account', 'session-ended');
          },
          again: showAccount,
        }),
      )
      .post(
        '/account/identities/unlink',
        signedIn,
        pageForm({
          name: 'identity',
          schema: IdentityParams,
          submit: async (c, { id }) => {
            await identity.unlink(c.var.ctx, id);
            return doneAt('/account', 'identity-unlinked');
          },
          again: showAccount,
        }),
      )
      .post(
        '/account/password',
        signedIn,
        pageForm({
          name: 'password',
          schema: ChangePasswordBody,
          submit: async (c, { current_password: current, new_password: next }) => {
            keepTokens(c, await password.change(c.var.ctx, { current, next }));
            return doneAt('/account', 'password-changed');
          },
          again: showAccount,
        }),
      )
      .post(
        '/account/email',
        signedIn,
        pageForm({
          name: 'email',
          schema: ChangeEmailBody,
          submit: async (c, body) => {
            await email.change(c.var.ctx, body);
            return doneAt('/account', 'email-change-asked');
          },
          again: showAccount,
        }),
      )
      .post(
        '/account/code',
        pageForm({
          name: 'code',
          schema: EmailCode,
          submit: async (c, body) => {
            return afterProof(await proveAddress(c, body), await identify(c));
          },
          again: showAccount,
        }),
      )
      // Where a form that was not accepted has left the address line.
      .on('GET', formPaths, (c) => c.redirect('/account', 303))
  );
};
