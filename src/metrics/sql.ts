import { sql } from 'drizzle-orm';
import type { Database, QueryScope } from '../platform/db/client.ts';
import type { Backlog } from './rules/backlog.ts';

/** How much work waits, by what it waits for. */
export const createBacklogRepository = (db: Database) => ({
  read: async (scope: QueryScope, now: Date): Promise<Backlog> => {
    const [row] = await db.execute<Record<string, number>>(
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
          (select greatest(0, extract(epoch from ${now}::timestamptz - min(next_attempt_at)))::float8 from mails) as mail_overdue,
          (select greatest(0, extract(epoch from ${now}::timestamptz - min(next_attempt_at)))::float8 from files) as upload_overdue`,
    );
    return {
      mails: { waiting: row?.waiting ?? 0, delayed: row?.delayed ?? 0 },
      uploads: { pending: row?.pending ?? 0, scanning: row?.scanning ?? 0 },
      overdueSeconds: { mail: row?.mail_overdue ?? 0, upload: row?.upload_overdue ?? 0 },
    };
  },
});
