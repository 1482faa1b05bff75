import { sql } from 'drizzle-orm';
import { type AuditScope, insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { Database, QueryScope } from '../../platform/db/client.ts';

/** So far a Worker's clock may be ahead of the database's, and a stolen session seem to have begun too late. */
const leewaySeconds = 5;

export const createSessionCutoffRepository = (
  db: Database,
  { newId }: { readonly newId: (now: Date) => string },
) => ({
  /**
   * Ends every session of every account, by one row whatever their number. It never moves back.
   * @returns from when on a session must have begun
   */
  endAll: async (scope: AuditScope & QueryScope): Promise<Date> => {
    const event = { id: newId(scope.now), type: 'session.all_ended', actor: noOne, subject: noOne } as const;
    const [row] = await db.execute<{ not_before: Date }>(
      scope,
      sql`
        with moved as (
          insert into session_cutoff as c (id, not_before)
          values (1, statement_timestamp() + ${leewaySeconds}::int * interval '1 second')
          on conflict (id) do update set not_before = greatest(c.not_before, excluded.not_before)
          returning c.not_before
        ), audited as (
          ${insertAudit(scope, event)} from moved
        )
        select not_before from moved`,
    );
    if (!row) throw new Error('the cutoff was not written');
    return row.not_before;
  },
});
