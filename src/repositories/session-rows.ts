import { type SQL, sql } from 'drizzle-orm';

/**
 * Whether the session that the statement has by that name is over: ended, expired, or begun before an operator ended
 * all of them. The cutoff is looked up once a statement, so that it counts on the very next request.
 */
export const isOver = (session: SQL, now: Date): SQL => sql`(
  ${session}.revoked_at is not null or ${session}.expires_at <= ${now}::timestamptz
  or ${session}.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz))`;
