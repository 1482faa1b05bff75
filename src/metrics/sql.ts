import { sql } from 'drizzle-orm';
import type { Database, QueryScope } from '../platform/db/client.ts';

/** Work that waits. Overdue work should have begun so many seconds ago; 0 where nothing is overdue. */
type Backlog = {
  readonly mails: { readonly waiting: number; readonly delayed: number };
  readonly uploads: { readonly pending: number; readonly scanning: number };
  readonly overdueSeconds: { readonly mail: number; readonly upload: number };
};

type BacklogRow = {
  waiting: number;
  delayed: number;
  pending: number;
  scanning: number;
  mail_overdue: number;
  upload_overdue: number;
};

export const createBacklogSql = ({ db }: { readonly db: Database }) => ({
  read: async (scope: QueryScope, now: Date): Promise<Backlog> => {
    const overdue = sql`greatest(0, extract(epoch from ${now}::timestamptz - min(next_attempt_at)))::float8`;
    const [row] = await db.execute<BacklogRow>(
      scope,
      sql`
        with mails as (
          select attempts, next_attempt_at from outbox where sent_at is null and failed_at is null
        ), files as (
          select status, next_attempt_at from uploads where next_attempt_at is not null
        )
        select
          (select count(*)::int from mails where attempts = 0) as waiting,
          (select count(*)::int from mails where attempts > 0) as delayed,
          (select count(*)::int from files where status = 'pending') as pending,
          (select count(*)::int from files where status = 'scanning') as scanning,
          (select ${overdue} from mails) as mail_overdue,
          (select ${overdue} from files) as upload_overdue`,
    );
    if (!row) throw new Error('an aggregate returned no row');
    const { waiting, delayed, pending, scanning, mail_overdue: mail, upload_overdue: upload } = row;
    return { mails: { waiting, delayed }, uploads: { pending, scanning }, overdueSeconds: { mail, upload } };
  },
});
