import type { RequestContext } from '../../context.ts';
import { withPasswordAge } from '../../domain/account.ts';
import type { AccountExport } from '../../domain/account-export.ts';
import { type PageRequest, pageOf } from '../../domain/page.ts';
import { AppError } from '../../errors.ts';
import type { OwnAccountRepository } from '../../repositories/own-account.ts';

type Deps = {
  readonly ownAccount: Pick<OwnAccountRepository, 'export'>;
  readonly passwordMaxAgeDays: number | null;
};

/** Everything that is kept of the actor (GDPR article 15). @throws AppError `session_revoked`, `account_disabled` */
export const createExportOwnAccount =
  ({ ownAccount, passwordMaxAgeDays }: Deps) =>
  async (ctx: RequestContext, { cursor, limit }: PageRequest): Promise<AccountExport> => {
    const own = await ownAccount.export(ctx, { after: cursor, limit: limit + 1 });
    if (own.refusal !== null) throw new AppError(own.refusal);
    return {
      exportedAt: ctx.now,
      account: withPasswordAge(own.account, passwordMaxAgeDays, ctx.now),
      identities: own.identities,
      sessions: own.sessions,
      mails: own.mails,
      tokens: own.tokens,
      uploads: own.uploads,
      events: pageOf(own.events, limit, ({ id }) => id),
    };
  };
