import { route } from '../platform/http/route.ts';
import { pageResponse } from '../platform/schema/page.ts';
import { AuditList, AuditQuery, auditEventResponse } from './schema.ts';
import type { Audit } from './service.ts';

export const auditRoutes = ({ list }: Audit) => [
  route(
    {
      method: 'GET',
      path: '/audit',
      summary: 'List audit events, newest first',
      description:
        '`user_id` and `type` narrow the list. Follow `next_cursor` until it is null. Events cannot be changed or deleted through the API.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
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
