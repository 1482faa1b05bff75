import { Hono } from 'hono';
import type { RequestContext } from '../platform/context.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { validate } from '../platform/http/validate.ts';
import type { RequirePermission } from '../platform/middleware/authenticate.ts';
import type { Page, PageRequest } from '../platform/rules/page.ts';
import { pageResponse } from '../platform/schema/page.ts';
import type { AuditEvent, AuditFilter } from './rules.ts';
import { AuditQuery, auditEventResponse } from './schema.ts';

export type AuditServices = {
  readonly list: (ctx: RequestContext, filter: AuditFilter, page: PageRequest) => Promise<Page<AuditEvent>>;
};

/** The audit trail, under `/audit`. */
export const auditRoutes = ({ list }: AuditServices, requirePermission: RequirePermission) =>
  new Hono<AppEnv>().get('/', requirePermission('audit:read'), validate('query', AuditQuery), async (c) => {
    const { user_id: userId = null, type = null, cursor = null, limit } = c.req.valid('query');
    return c.json(
      pageResponse(await list(c.var.ctx, { userId, type }, { cursor, limit }), auditEventResponse),
    );
  });
