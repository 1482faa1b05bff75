import { sql } from 'drizzle-orm';
import { createErasureSql } from '../accounts/sql/erasure.ts';
import type { Database, QueryScope } from '../platform/db/client.ts';
import { firstIdAt } from '../platform/rules/uuid-v7.ts';

/** Tables whose rows are deleted some time after they were written. */
export type AgeingTable = 'audit_events' | 'sessions' | 'one_time_tokens';

export const createRetentionSql = ({ db }: { readonly db: Database }) => ({
  erasures: createErasureSql({ db }),

  /**
   * Deletes the oldest rows from before that instant, at most `limit` of them; the ids tell the age of the rows.
   * @returns how many rows were deleted
   */
  purge: async (scope: QueryScope, table: AgeingTable, before: Date, limit: number): Promise<number> => {
    const name = sql.identifier(table);
    const rows = await db.execute(
      scope,
      sql`
        delete from ${name} where id in (
          select id from ${name} where id < ${firstIdAt(before)}::uuid order by id limit ${limit})
        returning true`,
    );
    return rows.length;
  },
});
