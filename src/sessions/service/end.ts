import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { SessionRepository } from '../sql/sessions.ts';

type Deps = { readonly sessions: Pick<SessionRepository, 'endOwn'> };

/** Ends one of the actor's sessions. @throws AppError `session_revoked`, `account_disabled`, `not_found` */
export const createEndSession =
  ({ sessions }: Deps) =>
  async (ctx: SessionContext, sessionId: string): Promise<void> => {
    const { refusal, ended } = await sessions.endOwn(ctx, sessionId);
    if (refusal !== null) throw new AppError(refusal);
    if (!ended) throw new AppError('not_found');
  };
