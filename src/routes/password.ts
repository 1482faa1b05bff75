import { Hono, type MiddlewareHandler } from 'hono';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import type { IssuedTokens } from '../domain/session.ts';
import type { AppEnv } from '../http/app-env.ts';
import { respondWithTokens } from '../http/token-response.ts';
import { validate } from '../http/validate.ts';
import { ChangePasswordBody, ForgotPasswordBody, ResetPasswordBody } from '../schemas/credentials.ts';

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
