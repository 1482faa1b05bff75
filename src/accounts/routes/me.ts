import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { validate } from '../../platform/http/validate.ts';
import type { PageRequest } from '../../platform/rules/page.ts';
import { ExportQuery } from '../../platform/schema/page.ts';
import { clearSessionCookies } from '../../sessions/http/cookies.ts';
import type { Account } from '../rules/account.ts';
import type { AccountExport } from '../rules/account-export.ts';
import { accountExportResponse } from '../schema/account-export.ts';
import { DeleteMeBody, EditMeBody, userResponse } from '../schema/users.ts';

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
