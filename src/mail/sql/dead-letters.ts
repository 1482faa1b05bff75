import { sql } from 'drizzle-orm';
import type { Database, QueryScope } from '../../platform/db/client.ts';
import { heldBack } from '../rules/mail-budget.ts';

/** Work that was given up. Operators see neither the address of a mail nor the name of a file. */
export type DeadLetter = {
  readonly kind: 'mail' | 'upload';
  readonly id: string;
  /** The template of a mail, the status of an upload. */
  readonly what: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly givenUpAt: Date;
};

type Row = {
  kind: DeadLetter['kind'];
  id: string;
  what: string;
  reason: string | null;
  attempts: number;
  given_up_at: Date;
};

/** Statements for operators about the work that the queues and the cron have given up. */
export const createDeadLetterSql = ({ db }: { readonly db: Database }) => ({
  /** The dead letters, newest first. */
  list: async (scope: QueryScope, limit: number): Promise<DeadLetter[]> => {
    const rows = await db.execute<Row>(
      scope,
      sql`
        select 'mail' as kind, id, template as what, last_error as reason, attempts, failed_at as given_up_at
        from outbox where failed_at is not null and last_error is distinct from ${heldBack}
        union all
        select 'upload', id, status, reason, attempts, given_up_at from uploads
        where given_up_at is not null
        order by given_up_at desc, id limit ${limit}`,
    );
    return rows.map(({ given_up_at, ...rest }) => ({ ...rest, givenUpAt: given_up_at }));
  },

  /**
   * Makes mails due again, as if they were new; the next scheduled run sends them, except those whose link has expired.
   * Uploads cannot be retried: their bytes are deleted, and their owners know it.
   * @param ids null for all
   * @returns the number of mails
   */
  retryMails: async (scope: QueryScope, now: Date, ids: readonly string[] | null): Promise<number> => {
    const rows = await db.execute(
      scope,
      sql`
        update outbox set failed_at = null, last_error = null, attempts = 0, next_attempt_at = ${now}
        where failed_at is not null and sent_at is null and last_error is distinct from ${heldBack}
          and (${ids === null}::boolean or id = any(${`{${(ids ?? []).join()}}`}::uuid[]))
        returning id`,
    );
    return rows.length;
  },
});
