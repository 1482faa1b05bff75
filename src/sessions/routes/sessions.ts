import type { SessionContext } from '../../platform/context.ts';
import { route, type Web } from '../../platform/http/route.ts';
import type { Page, PageRequest } from '../../platform/rules/page.ts';
import { PageQuery, pageResponse } from '../../platform/schema/page.ts';
import { clearSessionCookies } from '../http/cookies.ts';
import type { SessionSummary } from '../rules/session.ts';
import { SessionList, SessionParams, sessionResponse } from '../schema/sessions.ts';

export type SessionServices = {
  readonly list: (ctx: SessionContext, page: PageRequest) => Promise<Page<SessionSummary>>;
  readonly end: (ctx: SessionContext, sessionId: string) => Promise<void>;
};

export const sessionRoutes = (
  { list, end }: SessionServices,
  { config: { cookies } }: Pick<Web, 'config'>,
) => [
  route(
    {
      method: 'GET',
      path: '/auth/sessions',
      summary: 'List your live sessions, newest first',
      tag: 'sessions',
      access: 'session',
      query: PageQuery,
      answers: { 200: { description: 'A page of sessions', schema: SessionList } },
      errors: ['account_disabled', 'validation_failed'],
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
      tag: 'sessions',
      access: 'session',
      params: SessionParams,
      answers: { 204: { description: 'Ended' } },
      errors: ['account_disabled', 'not_found', 'validation_failed'],
    },
    async (c, ctx) => {
      const { id } = c.req.valid('param');
      await end(ctx, id);
      if (id === ctx.actor.sessionId) clearSessionCookies(c, cookies);
      return c.body(null, 204);
    },
  ),
];
