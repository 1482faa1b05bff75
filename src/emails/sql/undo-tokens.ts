import { type SQL, sql } from 'drizzle-orm';
import { insertMail } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';

type Clock = Pick<RequestContext, 'now'>;

/** Whether the token that the statement has by that name can still give that address back to an account. */
export const isUndoOf = ({ now }: Clock, token: SQL, email: SQL): SQL => sql`(
  ${token}.email = ${email} and ${token}.purpose = 'restore_email' and ${token}.used_at is null
  and ${token}.expires_at > ${now}::timestamptz)`;

/**
 * Whether an address is kept for an account that has left it, other than `but`: for as long as the change can be
 * undone, nobody else gets the address (docs/adr/0016).
 */
export const isReserved = (ctx: Clock, email: SQL, but: SQL = sql`null`): SQL => sql`exists (
  select from one_time_tokens kept where ${isUndoOf(ctx, sql`kept`, email)} and kept.user_id is distinct from ${but}::uuid)`;

/** Ends the undo tokens `o` of the accounts that the statement has as `c`, as far as `which` is true of them. */
export const voidUndos = ({ now }: Clock, which: SQL): SQL => sql`
  update one_time_tokens o set used_at = ${now}
  from c where o.user_id = c.id and o.purpose = 'restore_email' and o.used_at is null and ${which}`;

/**
 * Whether an undo token gives back an address that the account had later than another one's. The times of a row from
 * before `proved_at` was kept are compared by when the tokens were made.
 */
export const isLaterUndo = (token: SQL, other: SQL): SQL => sql`
  coalesce(${token}.proved_at > ${other}.proved_at, ${token}.created_at > ${other}.created_at)`;

/** Tells an address until when it is kept; a row of `from` yields that as `kept_until`. No account owns this mail. */
export const tellReserved = (ctx: RequestContext, outboxId: string, email: string, from: SQL): SQL =>
  insertMail(
    ctx,
    'address_reserved',
    outboxId,
    sql`select null::uuid as user_id, ${email}::text as recipient, r.kept_until from (${from}) r`,
    sql`jsonb_build_object('kept_until', source.kept_until)`,
    // Else nobody could come back to it.
    sql`true`,
  );
