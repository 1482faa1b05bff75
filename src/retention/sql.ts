import { sql } from 'drizzle-orm';
import type { Database, QueryScope } from '../platform/db/client.ts';
import { firstIdAt } from '../platform/rules/uuid-v7.ts';

/** Tables whose rows are of no use some time after they were written. */
export type AgeingTable = 'audit_events' | 'sessions' | 'one_time_tokens';

export type RetentionRepository = ReturnType<typeof createRetentionRepository>;

export const createRetentionRepository = (db: Database) => ({
  /** Deletes the oldest rows from before that instant, at most `limit` of them; the ids say how old they are. @returns how many */
  purge: async (scope: QueryScope, table: AgeingTable, before: Date, limit: number): Promise<number> => {
    const name = sql.identifier(table);
    const rows = await db.execute(
      scope,
      sql`delete from ${name} where id in (
            select id from ${name} where id < ${firstIdAt(before)}::uuid order by id limit ${limit})
          returning true`,
    );
    return rows.length;
  },
});
