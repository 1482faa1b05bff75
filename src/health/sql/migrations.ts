import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';

export const newestMigration: SQL = sql`select max(created_at)::text as created_at from drizzle.__drizzle_migrations`;

/** The journal that drizzle-kit keeps in the database. */
export const createMigrationRepository = (db: Database) => ({
  /** When the newest applied migration was made, in epoch milliseconds; null for a database without any. */
  last: async (ctx: RequestContext): Promise<number | null> => {
    const [row] = await db.execute<{ created_at: string | null }>(ctx, newestMigration);
    return row?.created_at ? Number(row.created_at) : null;
  },
});
