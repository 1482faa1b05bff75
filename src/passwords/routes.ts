import { Hono, type MiddlewareHandler } from 'hono';
import { ChangePasswordBody, ForgotPasswordBody, ResetPasswordBody } from '../accounts/schema/credentials.ts';
import type { Config } from '../platform/config/schema.ts';
import type { RequestContext } from '../platform/context.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { validate } from '../platform/http/validate.ts';
import { respondWithTokens } from '../sessions/http/token-response.ts';
import type { IssuedTokens } from '../sessions/rules/session.ts';

export type PasswordServices = {
  readonly change: (ctx: RequestContext, request: { current: string; next: string }) => Promise<IssuedTokens>;
  readonly forgot: (ctx: RequestContext, email: string) => Promise<void>;
  readonly reset: (ctx: RequestContext, request: { token: string; password: string }) => Promise<void>;
};

/** Changing and recovering a password, under `/auth/password`. */
export const passwordRoutes = (
  { change, forgot, reset }: PasswordServices,
  config: Pick<Config, 'cookies' | 'jwt'>,
  login: MiddlewareHandler<AppEnv>,
) =>
  new Hono<AppEnv>()
    .post('/', login, validate('json', ChangePasswordBody), async (c) => {
      const { current_password: current, new_password: next } = c.req.valid('json');
      return respondWithTokens(c, config, await change(c.var.ctx, { current, next }));
    })
    .post('/forgot', validate('json', ForgotPasswordBody), async (c) => {
      await forgot(c.var.ctx, c.req.valid('json').email);
      return c.json({ status: 'accepted' }, 202);
    })
    .post('/reset', validate('json', ResetPasswordBody), async (c) => {
      await reset(c.var.ctx, c.req.valid('json'));
      return c.body(null, 204);
    });
