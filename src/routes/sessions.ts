import { Hono, type MiddlewareHandler } from 'hono';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import type { AppEnv } from '../http/app-env.ts';
import { clearSessionCookies } from '../http/cookies.ts';
import { validate } from '../http/validate.ts';
import { PageQuery, SessionParams, sessionResponse } from '../schemas/sessions.ts';
import type { SessionPage } from '../services/session/list.ts';

export type SessionServices = {
  readonly list: (
    ctx: RequestContext,
    page: { cursor: string | null; limit: number },
  ) => Promise<SessionPage>;
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
      const { cursor, limit } = c.req.valid('query');
      const { items, nextCursor } = await list(c.var.ctx, { cursor: cursor ?? null, limit });
      c.header('Cache-Control', 'no-store');
      return c.json({ items: items.map(sessionResponse), next_cursor: nextCursor });
    })
    .delete('/:id', login, validate('param', SessionParams), async (c) => {
      const { id } = c.req.valid('param');
      await end(c.var.ctx, id);
      if (id === c.var.ctx.actor?.sessionId) clearSessionCookies(c, cookies);
      return c.body(null, 204);
    });
