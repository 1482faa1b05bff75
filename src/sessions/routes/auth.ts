import type { Context } from 'hono';
import { SignupAccepted } from '../../accounts/schema/credentials.ts';
import type { SignupOutcome, SignupRequest } from '../../accounts/service.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { hasBodyOf } from '../../platform/http/body.ts';
import { readSingleCookie } from '../../platform/http/cookies.ts';
import { route, type Web } from '../../platform/http/route.ts';
import { setSignUpCookie } from '../http/cookies.ts';
import { createLogOut, type Logout } from '../http/log-out.ts';
import { respondWithTokens } from '../http/token-response.ts';
import { type IssuedTokens, offlineAccess } from '../rules/session.ts';
import {
  LoginBody,
  LogoutQuery,
  RefreshBody,
  RevokeForm,
  SignupBody,
  TokenForm,
  TokenResponse,
} from '../schema/tokens.ts';
import type { LoginRequest } from '../service/login.ts';

export type AuthServices = {
  readonly signup: (ctx: RequestContext, request: SignupRequest) => Promise<SignupOutcome>;
  readonly login: (ctx: RequestContext, request: LoginRequest) => Promise<IssuedTokens>;
  readonly refresh: (ctx: RequestContext, token: string) => Promise<IssuedTokens>;
  readonly logout: Logout;
  readonly revoke: (ctx: RequestContext, token: string) => Promise<void>;
};

const tokens = { description: 'Tokens; cookies are set', schema: TokenResponse };

/** Sign-up, tokens and their end. */
export const authRoutes = ({ signup, login, refresh, logout, revoke }: AuthServices, web: Web) => {
  const { config, identify } = web;
  const { cookies, jwt } = config;
  const refreshCookie = (c: Context<AppEnv>) =>
    jwt.locations.cookie ? readSingleCookie(c, cookies.refreshName) : null;
  const logOut = createLogOut(logout, identify, config);

  return [
    route(
      {
        method: 'POST',
        path: '/auth/signup',
        summary: 'Create an account and log in',
        tag: 'accounts',
        access: 'anyone',
        rate: 'signup',
        json: SignupBody,
        answers: {
          201: { description: 'The account and its first tokens; cookies are set', schema: TokenResponse },
          202: {
            description:
              'Where addresses are verified first: the same whether the address is known or not. The browser keeps what was chosen in a cookie, or the client keeps it as `signup_attempt`; a proof of the address that brings it along gives it to the account',
            schema: SignupAccepted,
          },
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
      async (c, ctx) => {
        const { turnstile_token: turnstileToken = null, username = null, ...body } = c.req.valid('json');
        const outcome = await signup(ctx, { ...body, username, turnstileToken });
        if (outcome.kind === 'opened') return respondWithTokens(c, config, outcome.tokens, { status: 201 });
        if (jwt.locations.cookie) setSignUpCookie(c, cookies, outcome.attempt);
        return c.json(
          {
            status: 'accepted' as const,
            ...(outcome.scope === offlineAccess && { signup_attempt: outcome.attempt }),
          },
          202,
        );
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/token',
        summary: 'Log in with a password, or refresh as an OAuth 2 client (RFC 6749 section 3.2)',
        tag: 'sessions',
        access: 'anyone',
        rate: 'login',
        json: LoginBody,
        oauthForm: TokenForm,
        answers: { 200: tokens },
        errors: [
          'invalid_credentials',
          'account_disabled',
          'refresh_token_invalid',
          'refresh_token_reused',
          'session_revoked',
          'validation_failed',
          'login_locked',
          'overloaded',
        ],
      },
      async (c, ctx) => {
        if (!hasBodyOf(c, 'form')) return respondWithTokens(c, config, await login(ctx, c.req.valid('json')));
        const form = c.req.valid('form');
        switch (form.grant_type) {
          case 'password':
            return respondWithTokens(c, config, await login(ctx, { ...form, identifier: form.username }));
          case 'refresh_token':
            return respondWithTokens(c, config, await refresh(ctx, form.refresh_token), {
              refreshTokenInBody: true,
            });
        }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/refresh',
        summary: 'Exchange the refresh token, from its cookie or the body, for its successor',
        tag: 'sessions',
        access: 'optional',
        rate: 'refresh',
        json: RefreshBody,
        answers: { 200: tokens },
        errors: [
          'duplicate_cookie',
          'refresh_token_invalid',
          'refresh_token_reused',
          'session_revoked',
          'account_disabled',
          'validation_failed',
        ],
      },
      async (c, ctx) => {
        const { refresh_token: given } = c.req.valid('json');
        const token = given ?? refreshCookie(c);
        if (token === null)
          throw new AppError('refresh_token_invalid', { detail: 'No refresh token was sent.' });
        return respondWithTokens(c, config, await refresh(ctx, token), {
          refreshTokenInBody: given !== undefined,
        });
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/logout',
        summary:
          'End this session, the other ones, or all. Only a live session can end the others; without one the answer is 401 and nothing is done',
        tag: 'sessions',
        access: 'optional',
        rate: 'anybody',
        query: LogoutQuery,
        answers: {
          204: { description: 'Ended, or there was none; cookies are cleared unless only the others ended' },
        },
        errors: [
          'duplicate_cookie',
          'unauthenticated',
          'token_expired',
          'session_revoked',
          'refresh_token_invalid',
          'validation_failed',
        ],
      },
      async (c) => {
        await logOut(c, c.req.valid('query').scope);
        return c.body(null, 204);
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/revoke',
        summary: 'Revoke a token (RFC 7009)',
        tag: 'sessions',
        access: 'anyone',
        rate: 'anybody',
        oauthForm: RevokeForm,
        answers: { 200: { description: 'The token is not valid any more, whatever it was' } },
        errors: ['validation_failed'],
      },
      async (c, ctx) => {
        await revoke(ctx, c.req.valid('form').token);
        return c.json({}, 200); // clients insist on JSON, though RFC 7009 asks them to ignore the body
      },
    ),
  ];
};
