import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../platform/context.ts';
import type { Database } from '../platform/db/client.ts';
import { isMissingTable } from '../platform/db/errors.ts';
import { secondsAfter } from '../sessions/rules/session.ts';
import { deadLetterSeconds } from '../uploads/rules/upload-schedule.ts';

export type DatabaseState = {
  /** When the newest migration that the database has was made, in epoch milliseconds; null for none. */
  readonly lastMigration: number | null;
  /** Work on uploads that was given up in the last day; null where that cannot be read. */
  readonly deadLetters: number | null;
};

/** The newest row of the journal that drizzle-kit keeps in the database. */
const newestMigration: SQL = sql`select max(created_at)::text as last_migration from drizzle.__drizzle_migrations`;

/** When the newest applied migration was made, in epoch milliseconds; null for a database without migrations. */
export const readLastMigration = async (db: Database, ctx: RequestContext): Promise<number | null> => {
  const [row] = await db.execute<{ last_migration: string | null }>(ctx, newestMigration);
  return row?.last_migration ? Number(row.last_migration) : null;
};

export const createHealthSql = ({ db }: { readonly db: Database }) => ({
  /** What /readyz asks of the database, in one round trip. */
  read: async (ctx: RequestContext): Promise<DatabaseState> => {
    const since = secondsAfter(ctx.now, -deadLetterSeconds);
    try {
      const [row] = await db.execute<{ last_migration: string | null; dead_letters: number }>(
        ctx,
        sql`
          select (${newestMigration}) as last_migration,
            (select count(*)::int from uploads where given_up_at > ${since}) as dead_letters`,
      );
      const { last_migration = null, dead_letters = null } = row ?? {};
      return {
        lastMigration: last_migration === null ? null : Number(last_migration),
        deadLetters: dead_letters,
      };
    } catch (error) {
      // The table of uploads came with a migration: a database without it still tells its newest migration.
      if (!isMissingTable(error)) throw error;
      return { lastMigration: await readLastMigration(db, ctx), deadLetters: null };
    }
  },
});
