import { sql } from 'drizzle-orm';
import { type AuditScope, insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { Database, QueryScope } from '../../platform/db/client.ts';

/**
 * A Worker's clock may be this far ahead of the database's, so that a stolen session seems to begin after the cutoff.
 */
const leewaySeconds = 5;

type Parts = { readonly db: Database; readonly newId: (now: Date) => string };

export const createSessionCutoffSql = ({ db, newId }: Parts) => ({
  /**
   * Ends every session of every account by one row, however many there are. The cutoff never moves back.
   * @returns the time at or after which a session must have begun
   */
  endAll: async (scope: AuditScope & QueryScope): Promise<Date> => {
    const event = { id: newId(scope.now), type: 'session.all_ended', actor: noOne, subject: noOne } as const;
    const [row] = await db.execute<{ not_before: Date }>(
      scope,
      sql`
        with moved_cutoff as (
          insert into session_cutoff as cutoff (id, not_before)
          values (1, statement_timestamp() + ${leewaySeconds}::int * interval '1 second')
          on conflict (id) do update set not_before = greatest(cutoff.not_before, excluded.not_before)
          returning cutoff.not_before
        ), audited as (
          ${insertAudit(scope, event)} from moved_cutoff
        )
        select not_before from moved_cutoff`,
    );
    if (!row) throw new Error('the cutoff was not written');
    return row.not_before;
  },
});
