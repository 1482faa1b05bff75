import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { RequestContext } from '../context.ts';
import type { Account } from '../domain/account.ts';
import type { AppEnv } from '../http/app-env.ts';
import { userResponse } from '../schemas/users.ts';

export type UserServices = { readonly me: (ctx: RequestContext) => Promise<Account> };

/** Who one is: the same answer under `/auth/me` and `/users/me`. */
export const meRoutes = ({ me }: UserServices, login: MiddlewareHandler<AppEnv>) =>
  new Hono<AppEnv>().get('/me', login, async (c: Context<AppEnv>) => {
    c.header('Cache-Control', 'no-store');
    return c.json(userResponse(await me(c.var.ctx)));
  });
