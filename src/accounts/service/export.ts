import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type PageRequest, pageOf } from '../../platform/rules/page.ts';
import { withPasswordAge } from '../rules/account.ts';
import type { AccountExport, OwnRecord } from '../rules/account-export.ts';
import type { OwnRecordRepository } from '../sql/own-records.ts';

type Deps = {
  readonly ownRecords: OwnRecordRepository;
  readonly passwordMaxAgeDays: number | null;
};

type RecordOf<List extends OwnRecord['list']> = Extract<OwnRecord, { list: List }>['record'];

/**
 * A page of everything that is kept of the actor (GDPR article 15). Pages that follow one another hold every row that
 * there was at the first of them once. @throws AppError `session_revoked`, `account_disabled`
 */
export const createExportOwnAccount =
  ({ ownRecords, passwordMaxAgeDays }: Deps) =>
  async (ctx: SessionContext, { cursor, limit }: PageRequest): Promise<AccountExport> => {
    const own = await ownRecords.list(ctx, { after: cursor, limit: limit + 1 });
    if (own.refusal !== null) throw new AppError(own.refusal);
    const { items, nextCursor } = pageOf(own.records, limit, ({ id }) => id);
    const of = <List extends OwnRecord['list']>(list: List): RecordOf<List>[] =>
      items.flatMap((each) => (each.list === list ? [each.record as RecordOf<List>] : []));
    return {
      exportedAt: ctx.now,
      account: withPasswordAge(own.account, passwordMaxAgeDays, ctx.now),
      identities: of('identities'),
      sessions: of('sessions'),
      mails: of('mails'),
      tokens: of('tokens'),
      uploads: of('uploads'),
      events: of('events'),
      nextCursor,
    };
  };
