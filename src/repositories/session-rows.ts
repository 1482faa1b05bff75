import { type SQL, sql } from 'drizzle-orm';
import { isNotExpelled, networkOf } from '../db/schema.ts';
import { rememberedSessions } from '../domain/session.ts';

/**
 * Whether the session that the statement has by that name is over: ended, expired, or begun before an operator ended
 * all of them. The cutoff is looked up once a statement, so that it counts on the very next request.
 */
export const isOver = (session: SQL, now: Date): SQL => sql`(
  ${session}.revoked_at is not null or ${session}.expires_at <= ${now}::timestamptz
  or ${session}.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz))`;

/**
 * The newest of the account's sessions from the network of that address, ended ones included, in the words of
 * `sessions_network_index`: bounded, and nobody's logins push out those from another network. Not the sessions that were
 * ended because they may have been a stranger's (`expelled`).
 */
export const sessionsFromNetwork = (userId: SQL, ip: SQL): SQL => sql`
  select known.user_agent from sessions known
  where known.user_id = ${userId} and ${networkOf(sql`known.ip`)} = ${networkOf(ip)} and ${isNotExpelled(sql`known`)}
  order by known.id desc limit ${rememberedSessions}`;

/** Whether a session of the account was opened from the network of that address. */
export const isFamiliarNetwork = (userId: SQL, ip: SQL): SQL =>
  sql`exists (${sessionsFromNetwork(userId, ip)})`;
