import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { every } from 'hono/combine';
import type { SignupAccepted } from '../../accounts/schema/credentials.ts';
import type { SignupOutcome, SignupRequest } from '../../accounts/service/signup.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { hasBodyOf } from '../../platform/http/body.ts';
import { readSingleCookie } from '../../platform/http/cookies.ts';
import type { Identify } from '../../platform/http/identify.ts';
import { validate } from '../../platform/http/validate.ts';
import { setSignUpCookie } from '../http/cookies.ts';
import { createLogOut, type Logout } from '../http/log-out.ts';
import { respondWithTokens } from '../http/token-response.ts';
import { type IssuedTokens, offlineAccess } from '../rules/session.ts';
import { LoginBody, LogoutQuery, RefreshBody, RevokeForm, SignupBody, TokenForm } from '../schema/tokens.ts';
import type { LoginRequest } from '../service/login.ts';

export type AuthServices = {
  readonly signup: (ctx: RequestContext, request: SignupRequest) => Promise<SignupOutcome>;
  readonly login: (ctx: RequestContext, request: LoginRequest) => Promise<IssuedTokens>;
  readonly refresh: (ctx: RequestContext, token: string) => Promise<IssuedTokens>;
  readonly logout: Logout;
  readonly revoke: (ctx: RequestContext, token: string) => Promise<void>;
};

type FormContext<Schema> = Context<AppEnv, string, { in: { form: Schema }; out: { form: Schema } }>;

const oauthForm: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.set('isOAuthForm', true);
  await next();
};

/** Sign-up, tokens and their end, under `/auth`. */
export const authRoutes = (
  { signup, login, refresh, logout, revoke }: AuthServices,
  config: Pick<Config, 'cookies' | 'jwt'>,
  identify: Identify,
) => {
  const { cookies, jwt } = config;
  const refreshCookie = (c: Context<AppEnv>) =>
    jwt.locations.cookie ? readSingleCookie(c, cookies.refreshName) : null;
  const logOut = createLogOut(logout, identify, config);

  /** The OAuth 2 token endpoint (RFC 6749 section 3.2): the same two use cases, in its own form. */
  const tokenForm = every(
    oauthForm,
    validate('form', TokenForm),
    async (c: FormContext<ReturnType<typeof TokenForm.parse>>) => {
      const form = c.req.valid('form');
      switch (form.grant_type) {
        case 'password':
          return respondWithTokens(c, config, await login(c.var.ctx, { ...form, identifier: form.username }));
        case 'refresh_token':
          return respondWithTokens(c, config, await refresh(c.var.ctx, form.refresh_token), {
            refreshTokenInBody: true,
          });
      }
    },
  );

  return new Hono<AppEnv>()
    .post('/signup', validate('json', SignupBody), async (c) => {
      const {
        email,
        password,
        username = null,
        scope,
        turnstile_token: turnstileToken = null,
      } = c.req.valid('json');
      const outcome = await signup(c.var.ctx, { email, password, username, scope, turnstileToken });
      if (outcome.kind === 'opened') return respondWithTokens(c, config, outcome.tokens, { status: 201 });
      if (jwt.locations.cookie) setSignUpCookie(c, cookies, outcome.attempt);
      const body: SignupAccepted = {
        status: 'accepted',
        ...(outcome.scope === offlineAccess && { signup_attempt: outcome.attempt }),
      };
      return c.json(body, 202);
    })
    .post(
      '/token',
      (c, next) => (hasBodyOf(c, 'form') ? tokenForm(c, next) : next()),
      validate('json', LoginBody),
      async (c) => respondWithTokens(c, config, await login(c.var.ctx, c.req.valid('json'))),
    )
    .post('/refresh', validate('json', RefreshBody), async (c) => {
      const { refresh_token: given } = c.req.valid('json');
      const token = given ?? refreshCookie(c);
      if (token === null)
        throw new AppError('refresh_token_invalid', { detail: 'No refresh token was sent.' });
      const tokens = await refresh(c.var.ctx, token);
      return respondWithTokens(c, config, tokens, { refreshTokenInBody: given !== undefined });
    })
    .post('/logout', validate('query', LogoutQuery), async (c) => {
      await logOut(c, c.req.valid('query').scope);
      return c.body(null, 204);
    })
    .post('/revoke', oauthForm, validate('form', RevokeForm), async (c) => {
      await revoke(c.var.ctx, c.req.valid('form').token);
      return c.json({}); // clients insist on JSON, though RFC 7009 asks them to ignore the body
    });
};
