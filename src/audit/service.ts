import type { PermittedContext } from '../platform/context.ts';
import { assertDone } from '../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../platform/rules/page.ts';
import type { AuditEvent, AuditFilter } from './rules.ts';
import type { AuditRepository } from './sql/audit.ts';

type Deps = { readonly audit: Pick<AuditRepository, 'list'> };

/** A page of the audit trail, newest first. @throws AppError `forbidden` and what ends a session */
export const createListAudit =
  ({ audit }: Deps) =>
  async (
    ctx: PermittedContext,
    filter: AuditFilter,
    { cursor, limit }: PageRequest,
  ): Promise<Page<AuditEvent>> => {
    const found = await audit.list(ctx, filter, { after: cursor, limit: limit + 1 });
    assertDone(found.refusal);
    return pageOf(found.events, limit, ({ id }) => id);
  };
