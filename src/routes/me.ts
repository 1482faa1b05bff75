import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import type { Account } from '../domain/account.ts';
import type { AccountExport } from '../domain/account-export.ts';
import type { PageRequest } from '../domain/page.ts';
import type { AppEnv } from '../http/app-env.ts';
import { clearSessionCookies } from '../http/cookies.ts';
import { validate } from '../http/validate.ts';
import { accountExportResponse } from '../schemas/account-export.ts';
import { ExportQuery } from '../schemas/page.ts';
import { DeleteMeBody, EditMeBody, userResponse } from '../schemas/users.ts';

export type MeServices = {
  readonly me: (ctx: RequestContext) => Promise<Account>;
  readonly rename: (ctx: RequestContext, username: string | null) => Promise<Account>;
  readonly remove: (ctx: RequestContext, password: string) => Promise<void>;
  readonly export: (ctx: RequestContext, page: PageRequest) => Promise<AccountExport>;
};

/** Who one is: the same answer under `/auth/me` and `/users/me`. */
export const readMe =
  ({ me }: Pick<MeServices, 'me'>) =>
  async (c: Context<AppEnv>) => {
    return c.json(userResponse(await me(c.var.ctx)));
  };

/** One's own account, under `/users/me`. */
export const meRoutes = (
  services: MeServices,
  { cookies }: Pick<Config, 'cookies'>,
  login: MiddlewareHandler<AppEnv>,
) =>
  new Hono<AppEnv>()
    .get('/', login, readMe(services))
    .patch('/', login, validate('json', EditMeBody), async (c) => {
      return c.json(userResponse(await services.rename(c.var.ctx, c.req.valid('json').username)));
    })
    .delete('/', login, validate('json', DeleteMeBody), async (c) => {
      await services.remove(c.var.ctx, c.req.valid('json').password);
      clearSessionCookies(c, cookies);
      return c.body(null, 204);
    })
    .get('/export', login, validate('query', ExportQuery), async (c) => {
      const { cursor = null, limit } = c.req.valid('query');
      c.header('Content-Disposition', 'attachment; filename="account.json"');
      return c.json(accountExportResponse(await services.export(c.var.ctx, { cursor, limit })));
    });
