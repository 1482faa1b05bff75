import type { RequestContext } from '../../context.ts';
import { type Page, type PageRequest, pageOf } from '../../domain/page.ts';
import type { SessionSummary } from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { SessionRepository } from '../../repositories/sessions.ts';

type Deps = { readonly sessions: Pick<SessionRepository, 'listOwn'> };

/** A page of the actor's sessions, newest first. @throws AppError `session_revoked`, `account_disabled` */
export const createListSessions =
  ({ sessions }: Deps) =>
  async (ctx: RequestContext, { cursor, limit }: PageRequest): Promise<Page<SessionSummary>> => {
    const found = await sessions.listOwn(ctx, { after: cursor, limit: limit + 1 });
    if (found.refusal !== null) throw new AppError(found.refusal);
    return pageOf(found.sessions, limit, ({ id }) => id);
  };
