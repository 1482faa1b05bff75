import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import { deviceNetworkOf } from '../../platform/db/schema.ts';
import { rememberedSessions } from '../rules/session.ts';

/**
 * Whether a time lies before the cutoff up to which an operator has ended all sessions; each statement reads it once.
 */
export const isBeforeCutoff = (time: SQL): SQL =>
  sql`(${time} < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz))`;

/**
 * Whether a session, a relation of the statement, is over: it has ended, has expired, or began before an operator
 * ended all sessions, which counts on the very next request.
 */
export const isOver = (session: SQL, now: Date): SQL => sql`(
  ${session}.revoked_at is not null or ${session}.expires_at <= ${now}::timestamptz
  or ${isBeforeCutoff(sql`${session}.created_at`)})`;

/**
 * Since when the devices and networks of an account, a row of `users`, are its owner's; those from before may be a
 * stranger's.
 */
export const familiarSince = (account: SQL): SQL =>
  sql`coalesce(${account}.familiar_since, '-infinity'::timestamptz)`;

/**
 * Assignments for an account of `users` that its owner takes (back), from where the request comes; with `when`, only for
 * the rows that fit it.
 */
export const takesBack = ({ ip }: Pick<RequestContext, 'ip'>, now: Date, when?: SQL): SQL => {
  const network = sql`${ip}::inet`;
  if (when === undefined) return sql`familiar_since = ${now}, familiar_ip = ${network}`;
  return sql`
    familiar_since = case when ${when} then ${now}::timestamptz else users.familiar_since end,
    familiar_ip = case when ${when} then ${network} else users.familiar_ip end`;
};

/** Whether its owner last took the account, a row of `users`, (back) from the network of an address. */
export const isTakenBackFrom = (account: SQL, ip: SQL): SQL => sql`coalesce(
  ${deviceNetworkOf(sql`${account}.familiar_ip`)} = ${deviceNetworkOf(ip)}, false)`;

/**
 * Whether one of the account's newest sessions from the network of an address, ended ones included, began at or after
 * `since`. The limit is per network, so that logins from one network do not push out another.
 */
export const hasSessionFrom = (userId: SQL, ip: SQL, since: SQL): SQL => sql`exists (
  select from (
    select earlier.created_at from sessions earlier
    where earlier.user_id = ${userId} and ${deviceNetworkOf(sql`earlier.ip`)} = ${deviceNetworkOf(ip)}
    order by earlier.id desc limit ${rememberedSessions}
  ) known
  where known.created_at >= ${since})`;

/**
 * Whether one of the account's newest sessions from the network of an address is its owner's, or its owner took the
 * account (back) from there: otherwise strangers could lock them out again before their first login.
 */
export const isFamiliarNetwork = (userId: SQL, ip: SQL): SQL => {
  const owner = sql`owner`;
  return sql`exists (
    select from users owner where owner.id = ${userId}
      and (${hasSessionFrom(userId, ip, familiarSince(owner))} or ${isTakenBackFrom(owner, ip)}))`;
};
