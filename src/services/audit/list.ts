import type { RequestContext } from '../../context.ts';
import type { AuditEvent, AuditFilter } from '../../domain/audit-event.ts';
import { type Page, type PageRequest, pageOf } from '../../domain/page.ts';
import { assertDone } from '../../refusals.ts';
import type { AuditRepository } from '../../repositories/audit.ts';

type Deps = { readonly audit: Pick<AuditRepository, 'list'> };

/** A page of the audit trail, newest first. @throws AppError `forbidden` and what ends a session */
export const createListAudit =
  ({ audit }: Deps) =>
  async (
    ctx: RequestContext,
    filter: AuditFilter,
    { cursor, limit }: PageRequest,
  ): Promise<Page<AuditEvent>> => {
    const found = await audit.list(ctx, filter, { after: cursor, limit: limit + 1 });
    assertDone(found.refusal);
    return pageOf(found.events, limit, ({ id }) => id);
  };
