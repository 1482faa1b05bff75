import { type SQL, sql } from 'drizzle-orm';
import { rememberedSessions } from '../domain/session.ts';

/**
 * Whether the session that the statement has by that name is over: ended, expired, or begun before an operator ended
 * all of them. The cutoff is looked up once a statement, so that it counts on the very next request.
 */
export const isOver = (session: SQL, now: Date): SQL => sql`(
  ${session}.revoked_at is not null or ${session}.expires_at <= ${now}::timestamptz
  or ${session}.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz))`;

/** The network of a device, coarse enough that a new lease of its provider is no new device. */
export const networkOf = (ip: SQL): SQL =>
  sql`network(set_masklen(${ip}, case family(${ip}) when 4 then 24 else 64 end))`;

/** The newest sessions of an account, ended ones included: bounded, however many it has. */
export const newestSessions = (userId: SQL): SQL => sql`
  select known.ip, known.user_agent from sessions known
  where known.user_id = ${userId} order by known.id desc limit ${rememberedSessions}`;

/** Whether one of the account's newest sessions was opened from the network of that address. */
export const isFamiliarNetwork = (userId: SQL, ip: SQL): SQL => sql`exists (
  select from (${newestSessions(userId)}) known where ${networkOf(sql`known.ip`)} = ${networkOf(ip)})`;
