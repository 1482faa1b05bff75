import type { RequestContext } from '../../context.ts';
import type { SessionSummary } from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { SessionRepository } from '../../repositories/sessions.ts';

export type SessionPage = { readonly items: readonly SessionSummary[]; readonly nextCursor: string | null };

type Deps = { readonly sessions: Pick<SessionRepository, 'listOwn'> };

/** A page of the actor's sessions, newest first. @throws AppError `session_revoked`, `account_disabled` */
export const createListSessions =
  ({ sessions }: Deps) =>
  async (
    ctx: RequestContext,
    { cursor, limit }: { cursor: string | null; limit: number },
  ): Promise<SessionPage> => {
    // One more than asked for tells whether there is a next page.
    const found = await sessions.listOwn(ctx, { after: cursor, limit: limit + 1 });
    if (found.refusal !== null) throw new AppError(found.refusal);
    const items = found.sessions.slice(0, limit);
    return { items, nextCursor: found.sessions.length > limit ? (items.at(-1)?.id ?? null) : null };
  };
