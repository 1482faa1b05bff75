import { sql } from 'drizzle-orm';
import { settlingSeconds } from '../accounts/rules/erasure.ts';
import type { Database, QueryScope } from '../platform/db/client.ts';

/** When the earliest work of each kind is due; null where there is none. */
export type DueWork = {
  readonly mail: Date | null;
  readonly upload: Date | null;
  readonly erasure: Date | null;
};

export const createDueSql = ({ db }: { readonly db: Database }) => ({
  /** Files without an owner are due since always: nothing but their deletion is left to do. */
  read: async (scope: QueryScope): Promise<DueWork> => {
    const [row] = await db.execute<DueWork>(
      scope,
      sql`
        select
          (select min(next_attempt_at) from outbox where sent_at is null and failed_at is null) as mail,
          (select min(due.at) from (
            (select next_attempt_at as at from uploads where next_attempt_at is not null
             order by next_attempt_at limit 1)
            union all
            (select updated_at from uploads where user_id is null and deleted_at is null limit 1)
          ) due) as upload,
          (select min(created_at) + ${settlingSeconds}::int * interval '1 second' from erasures) as erasure`,
    );
    return row ?? { mail: null, upload: null, erasure: null };
  },
});
