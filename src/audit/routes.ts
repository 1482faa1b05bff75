import type { PermittedContext } from '../platform/context.ts';
import { route } from '../platform/http/route.ts';
import type { Page, PageRequest } from '../platform/rules/page.ts';
import { pageResponse } from '../platform/schema/page.ts';
import type { AuditEvent, AuditFilter } from './rules.ts';
import { AuditList, AuditQuery, auditEventResponse } from './schema.ts';

export type AuditServices = {
  readonly list: (ctx: PermittedContext, filter: AuditFilter, page: PageRequest) => Promise<Page<AuditEvent>>;
};

export const auditRoutes = ({ list }: AuditServices) => [
  route(
    {
      method: 'GET',
      path: '/audit',
      summary: 'List what happened, newest first',
      tag: 'administration',
      access: 'audit:read',
      query: AuditQuery,
      answers: { 200: { description: 'A page of events', schema: AuditList } },
      errors: ['validation_failed'],
    },
    async (c, ctx) => {
      const { user_id: userId = null, type = null, cursor = null, limit } = c.req.valid('query');
      return c.json(
        pageResponse(await list(ctx, { userId, type }, { cursor, limit }), auditEventResponse),
        200,
      );
    },
  ),
];
