import { type SQL, sql } from 'drizzle-orm';
import { insertMail, isLive } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';

type Clock = Pick<RequestContext, 'now'>;

/** Whether a token can still give an address back to an account. */
export const isUndoOf = ({ now }: Clock, token: SQL, email: SQL): SQL => sql`(
  ${token}.email = ${email} and ${token}.purpose = 'restore_email' and ${isLive(token, now)})`;

/**
 * Whether an address is reserved for an account that has left it, other than the account with the id `but`: while the
 * change can be undone, nobody else gets the address (docs/adr/0016).
 */
export const isReserved = (ctx: Clock, email: SQL, but: SQL = sql`null`): SQL => sql`exists (
  select from one_time_tokens undo
  where ${isUndoOf(ctx, sql`undo`, email)} and undo.user_id is distinct from ${but}::uuid)`;

/** Ends the undo tokens of the accounts in a relation, where `which` is true of the token `undo`. */
export const voidUndos = ({ now }: Clock, accounts: SQL, which: SQL): SQL => sql`
  update one_time_tokens undo set used_at = ${now}
  from ${accounts}
  where undo.user_id = ${accounts}.id and undo.purpose = 'restore_email'
    and ${isLive(sql`undo`, now)} and ${which}`;

/**
 * Whether an undo token gives back an address that the account had later than the address of another token. Tokens from
 * before `proved_at` was kept are compared by when they were made.
 */
export const isLaterUndo = (token: SQL, other: SQL): SQL => sql`
  coalesce(${token}.proved_at > ${other}.proved_at, ${token}.created_at > ${other}.created_at)`;

/** Tells an address until when it is reserved: `from` yields `kept_until`. No account owns this mail. */
export const tellReserved = (ctx: RequestContext, outboxId: string, email: string, from: SQL): SQL => {
  const recipients = sql`
    select null::uuid as user_id, ${email}::text as recipient, reservation.kept_until from (${from}) reservation`;
  const details = sql`jsonb_build_object('kept_until', source.kept_until)`;
  // Only an address that was proved is reserved.
  const isProved = sql`true`;
  return insertMail(ctx, 'address_reserved', outboxId, recipients, details, isProved);
};
