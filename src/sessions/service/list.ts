import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type { SessionSummary } from '../rules/session.ts';
import type { SessionRepository } from '../sql/sessions.ts';

type Deps = { readonly sessions: Pick<SessionRepository, 'listOwn'> };

/** A page of the actor's sessions, newest first. @throws AppError `session_revoked`, `account_disabled` */
export const createListSessions =
  ({ sessions }: Deps) =>
  async (ctx: SessionContext, { cursor, limit }: PageRequest): Promise<Page<SessionSummary>> => {
    const found = await sessions.listOwn(ctx, { after: cursor, limit: limit + 1 });
    if (found.refusal !== null) throw new AppError(found.refusal);
    return pageOf(found.sessions, limit, ({ id }) => id);
  };
