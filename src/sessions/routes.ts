import type { Context } from 'hono';
import type { JWK } from 'jose';
import { signUpReasons } from '../accounts/http.ts';
import { SignupAccepted } from '../accounts/schema/credentials.ts';
import type { Accounts } from '../accounts/service.ts';
import { AppError } from '../platform/errors.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { hasBodyOf } from '../platform/http/body.ts';
import { readSingleCookie } from '../platform/http/cookies.ts';
import { publicCacheControl, publicDocument, route, type Web } from '../platform/http/route.ts';
import { apiUrlOf } from '../platform/pages/site.ts';
import { PageQuery, pageResponse } from '../platform/schema/page.ts';
import {
  clearSessionCookies,
  createLogOut,
  createReplaceSession,
  respondWithTokens,
  setSignUpCookie,
} from './http.ts';
import { type IssuedTokens, offlineAccess } from './rules/session.ts';
import {
  LoginBody,
  LogoutBody,
  LogoutQuery,
  RefreshBody,
  RevokeForm,
  ServerMetadata,
  SessionList,
  SessionParams,
  SignupBody,
  serverMetadata,
  sessionResponse,
  TokenForm,
  TokenResponse,
} from './schema.ts';
import type { Sessions } from './service.ts';

type Features = {
  readonly accounts: Pick<Accounts, 'signup' | 'signUpReasons'>;
  readonly sessions: Sessions;
};

export type WellKnown = { readonly jwks: () => Promise<{ keys: JWK[] }> };

const tokens = { description: 'Tokens; cookies are set', schema: TokenResponse };

const twoScopes = {
  errors: [{ pointer: '/scope', code: 'invalid', detail: 'the body and the query must not differ' }],
};

/** The routes of sign-up, of tokens, and of the sessions that tokens belong to. */
export const sessionRoutes = ({ accounts, sessions }: Features, { config, identify }: Web) => {
  const { login, refresh, logout, revoke, list, end } = sessions;
  const { cookies, jwt } = config;
  const refreshCookie = (c: Context<AppEnv>) =>
    jwt.locations.cookie ? readSingleCookie(c, cookies.refreshName) : null;
  const logOut = createLogOut(logout, identify, config);
  const replaceSession = createReplaceSession(logout, identify, config);
  const respondToLogin = async <Status extends 200 | 201 = 200>(
    c: Context<AppEnv>,
    opened: IssuedTokens,
    options: { status?: Status } = {},
  ) => {
    await replaceSession(c);
    return respondWithTokens<Status>(c, config, opened, options);
  };

  return [
    route(
      {
        method: 'POST',
        path: '/auth/signup',
        summary: 'Create an account and log in',
        description:
          'With 201 the person is logged in: browsers get HttpOnly cookies, which replace the session that they had, and with the scope `offline_access` the refresh token is in the body too. With 202 the address has to be proved first, so show a page that asks for the code or the link of the mail.',
        tag: 'accounts',
        access: 'anyone',
        rate: 'signup',
        json: SignupBody,
        reasons: signUpReasons(accounts),
        answers: {
          201: { description: 'The account and its first tokens; cookies are set', schema: TokenResponse },
          202: {
            description:
              'Where addresses are verified first: the same whether the address is known or not. The browser keeps what was chosen in a cookie, or the client keeps it as `signup_attempt`; a proof of the address that brings it along gives it to the account',
            schema: SignupAccepted,
          },
        },
        budget: { trips: 1, objects: 2 },
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
        const outcome = await accounts.signup(ctx, { ...body, username, turnstileToken });
        if (outcome.kind === 'opened') return respondToLogin(c, outcome.tokens, { status: 201 });
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
        description:
          'JSON for your own frontend, the form for OAuth 2 clients; there are no client secrets. Browsers get HttpOnly cookies, which replace the session that they had, and the refresh token is in the body only with the scope `offline_access`. If `must_change_password` is true, ask for a new password before anything else. After failed logins the answer may be 403 `turnstile_failed` until the request has a `turnstile_token`: show the widget then.',
        tag: 'sessions',
        access: 'anyone',
        rate: 'login',
        json: LoginBody,
        oauthForm: TokenForm,
        answers: { 200: tokens },
        budget: { trips: 2, objects: 3 },
        errors: [
          'invalid_credentials',
          'account_disabled',
          'turnstile_failed',
          'refresh_token_invalid',
          'refresh_token_reused',
          'session_revoked',
          'validation_failed',
          'login_locked',
          'overloaded',
        ],
      },
      async (c, ctx) => {
        if (!hasBodyOf(c, 'form')) return respondToLogin(c, await login(ctx, c.req.valid('json')));
        const form = c.req.valid('form');
        switch (form.grant_type) {
          case 'password': {
            const { username: identifier, password, scope, turnstile_token: turnstileToken = null } = form;
            const request = { identifier, password, scope, turnstileToken };
            return respondToLogin(c, await login(ctx, request));
          }
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
        description:
          'A browser sends no body, because the token comes by its cookie; an app sends `refresh_token`. Each token serves once: keep the one in the answer. A lost answer may be asked for again at once with the same token, but an older token ends the session.',
        tag: 'sessions',
        access: 'optional',
        rate: 'refresh',
        json: RefreshBody,
        answers: { 200: tokens },
        budget: { trips: 1, objects: 1 },
        errors: [
          'duplicate_cookie',
          'email_not_verified',
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
        description:
          'The credential is the access token or the refresh token, by header or cookie. It can be repeated: a logout without a session is answered 204 and clears the cookies.',
        tag: 'sessions',
        access: 'optional',
        rate: 'anybody',
        query: LogoutQuery,
        json: LogoutBody,
        answers: {
          204: { description: 'Ended, or there was none; cookies are cleared unless only the others ended' },
        },
        budget: { trips: 1, objects: 2 },
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
        const [query, body] = [c.req.valid('query').scope, c.req.valid('json').scope];
        if (query && body && query !== body) throw new AppError('validation_failed', twoScopes);
        await logOut(c, query ?? body);
        return c.body(null, 204);
      },
    ),
    route(
      {
        method: 'POST',
        path: '/auth/revoke',
        summary: 'Revoke a token (RFC 7009)',
        description:
          'It takes an access token or a refresh token and ends the session of either. The token itself is the credential, and an unknown one gets the same answer, so it can be repeated.',
        tag: 'sessions',
        access: 'anyone',
        rate: 'anybody',
        oauthForm: RevokeForm,
        answers: { 200: { description: 'The token is not valid any more, whatever it was' } },
        budget: { trips: 1, objects: 2 },
        errors: ['validation_failed'],
      },
      async (c, ctx) => {
        await revoke(ctx, c.req.valid('form').token);
        return c.json({}, 200); // clients insist on JSON, though RFC 7009 asks them to ignore the body
      },
    ),
    route(
      {
        method: 'GET',
        path: '/auth/sessions',
        summary: 'List your live sessions, newest first',
        description:
          'For a page where people see their devices and log out of one. `current` marks the session of this request. Follow `next_cursor` until it is null.',
        tag: 'sessions',
        access: 'session',
        query: PageQuery,
        answers: { 200: { description: 'A page of sessions', schema: SessionList } },
        budget: { trips: 1, objects: 1 },
        errors: ['account_disabled', 'email_not_verified', 'validation_failed'],
      },
      async (c, ctx) => {
        const { cursor = null, limit } = c.req.valid('query');
        return c.json(pageResponse(await list(ctx, { cursor, limit }), sessionResponse), 200);
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/auth/sessions/:id',
        summary: 'End one of your sessions',
        description:
          'Its tokens stop working on the next request. If it is the session of this request, the cookies are cleared too.',
        tag: 'sessions',
        access: 'session',
        params: SessionParams,
        answers: { 204: { description: 'Ended' } },
        budget: { trips: 1, objects: 1 },
        errors: ['account_disabled', 'email_not_verified', 'not_found', 'validation_failed'],
      },
      async (c, ctx) => {
        const { id } = c.req.valid('param');
        await end(ctx, id);
        if (id === ctx.actor.sessionId) clearSessionCookies(c, config);
        return c.body(null, 204);
      },
    ),
  ];
};

/** For a person who wonders why a JWK set has no key for the tokens of today. */
const noPublicKey = (algorithm: string): string =>
  `Access tokens are signed with ${algorithm}, whose key is a secret, so that other services cannot verify them offline. JWT_ALGORITHM=ES256 has a public key: npm run secrets:generate -- --algorithm ES256`;

export const wellKnownRoutes = ({ jwks }: WellKnown, { config, site }: Pick<Web, 'config' | 'site'>) => [
  route(
    {
      ...publicDocument,
      path: '/.well-known/jwks.json',
      summary: 'Read the public keys of the access tokens (RFC 7517)',
      description:
        'Services that check access tokens on their own read the keys here, by the `kid` of the token. Keep them for as long as Cache-Control says, and read them again when a `kid` is unknown. Under HS256, the default, the key is a secret and is not here: with `JWT_ALGORITHM=ES256` others can verify access tokens, and `npm run secrets:generate -- --algorithm ES256` makes a key for it.',
      answers: {
        200: {
          description:
            'A JWK set. Where tokens are signed with HS256, HS384 or HS512, it has no key for them, and its `detail` says why',
          mediaType: 'application/json',
        },
      },
    },
    async (c) => {
      c.header('Cache-Control', publicCacheControl);
      // A JWK set may have other members, which clients ignore (RFC 7517 section 5).
      const { algorithm, privateKey } = config.jwt;
      return c.json({ ...(await jwks()), ...(!privateKey && { detail: noPublicKey(algorithm) }) }, 200);
    },
  ),
  route(
    {
      ...publicDocument,
      path: '/.well-known/oauth-authorization-server',
      summary: 'Read where the endpoints of OAuth 2 are (RFC 8414)',
      description:
        'OAuth 2 clients find `token_endpoint` and `revocation_endpoint` by it, from the address of the service alone. Its `issuer` is that address; the `iss` of access tokens is JWT_ISSUER, which may be another name.',
      answers: { 200: { description: 'The metadata', schema: ServerMetadata } },
    },
    async (c) => {
      c.header('Cache-Control', publicCacheControl);
      // A client takes the metadata only if the issuer is the address that it has used (RFC 8414 section 3.3).
      const issuer = apiUrlOf(site, c.req.url);
      const hasPublicKeys = (await jwks()).keys.length > 0;
      return c.json(serverMetadata(issuer, { hasPublicKeys }), 200);
    },
  ),
];
