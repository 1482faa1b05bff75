import { Hono, type MiddlewareHandler } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { validate } from '../../platform/http/validate.ts';
import type { Page, PageRequest } from '../../platform/rules/page.ts';
import { PageQuery, pageResponse } from '../../platform/schema/page.ts';
import { clearSessionCookies } from '../http/cookies.ts';
import type { SessionSummary } from '../rules/session.ts';
import { SessionParams, sessionResponse } from '../schema/sessions.ts';

export type SessionServices = {
  readonly list: (ctx: RequestContext, page: PageRequest) => Promise<Page<SessionSummary>>;
  readonly end: (ctx: RequestContext, sessionId: string) => Promise<void>;
};

/** One's own sessions, under `/auth/sessions`. */
export const sessionRoutes = (
  { list, end }: SessionServices,
  { cookies }: Pick<Config, 'cookies'>,
  login: MiddlewareHandler<AppEnv>,
) =>
  new Hono<AppEnv>()
    .get('/', login, validate('query', PageQuery), async (c) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(pageResponse(await list(c.var.ctx, { cursor, limit }), sessionResponse));
    })
    .delete('/:id', login, validate('param', SessionParams), async (c) => {
      const { id } = c.req.valid('param');
      await end(c.var.ctx, id);
      if (id === c.var.ctx.actor?.sessionId) clearSessionCookies(c, cookies);
      return c.body(null, 204);
    });
