import { sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { isMissingTable } from '../../platform/db/errors.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { deadLetterSeconds } from '../../uploads/rules/upload-schedule.ts';
import { createMigrationRepository, newestMigration } from './migrations.ts';

type State = { readonly lastMigration: number | null; readonly deadLetters: number | null };

/** What /readyz asks of the database. */
export const createHealthRepository = (db: Database) => {
  const migrations = createMigrationRepository(db);
  return {
    /** The journal that drizzle-kit keeps in the database, and the work that was given up lately. */
    read: async (ctx: RequestContext): Promise<State> => {
      const since = secondsAfter(ctx.now, -deadLetterSeconds);
      const rows = await db
        .execute<{ last_migration: string | null; dead_letters: number | null }>(
          ctx,
          sql`select (${newestMigration}) as last_migration,
              (select count(*)::int from uploads where given_up_at > ${since}) as dead_letters`,
        )
        .catch((error: unknown) => {
          // A database without the newest migrations is a database, and has to say how old it is.
          if (!isMissingTable(error)) throw error;
          return null;
        });
      if (rows === null) return { lastMigration: await migrations.last(ctx), deadLetters: null };
      const { last_migration = null, dead_letters = null } = rows[0] ?? {};
      return {
        lastMigration: last_migration === null ? null : Number(last_migration),
        deadLetters: dead_letters,
      };
    },
  };
};
