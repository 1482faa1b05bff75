import { Hono } from 'hono';
import type { RequestContext } from '../context.ts';
import type { AuditEvent, AuditFilter } from '../domain/audit-event.ts';
import type { Page, PageRequest } from '../domain/page.ts';
import type { AppEnv } from '../http/app-env.ts';
import { validate } from '../http/validate.ts';
import type { RequirePermission } from '../middleware/authenticate.ts';
import { AuditQuery, auditEventResponse } from '../schemas/audit.ts';
import { pageResponse } from '../schemas/page.ts';

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
