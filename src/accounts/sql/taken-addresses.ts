import { type SQL, sql } from 'drizzle-orm';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import type { RequestContext } from '../../platform/context.ts';
import { changedAccounts } from '../../sessions/sql/changed-accounts.ts';
import { eraseAccount } from './erasure.ts';

/** Whether an administrator has given an account more roles than a sign-up gives. */
const isPromoted = (account: SQL): SQL =>
  sql`exists (select from user_roles held where held.user_id = ${account}.id and held.role_name <> 'user')`;

/**
 * Whether nobody has proved to own an account yet, so that the proof of its address may set its password. An account
 * with more than a sign-up gives does not count: else a stranger's sign-up would be worth making.
 */
export const isUnclaimed = (account: SQL): SQL => sql`(
  ${account}.password_hash is null and ${account}.email_verified_at is null and not ${isPromoted(account)})`;

/**
 * Whether an account keeps its address when another account proves it: an account that has proved the address itself,
 * and one that an administrator has disabled or given more than a sign-up gives.
 */
export const holdsAddress = (account: SQL): SQL => sql`(
  ${account}.email_verified_at is not null or ${account}.disabled_at is not null or ${isPromoted(account)})`;

/** Whether another account than this one has an address, with or without a proof; `account` is an id. */
export const belongsToAnother = (email: SQL, account: SQL): SQL =>
  sql`exists (select from users rival where rival.email = ${email} and rival.id <> ${account})`;

/** Whether an address belongs to another account than this one, and that account keeps it; `account` is an id. */
export const isHeld = (email: SQL, account: SQL): SQL => sql`exists (
  select from users rival where rival.email = ${email} and rival.id <> ${account} and ${holdsAddress(sql`rival`)})`;

/** Whether an address is held by another account than this one, or reserved for another one; `account` is an id. */
export const isTaken = (ctx: RequestContext, email: SQL, account: SQL): SQL =>
  sql`(${isReserved(ctx, email, account)} or ${isHeld(email, account)})`;

/**
 * Erases the account that has an address without a proof, for the account that proves it now. `proof` is the expression
 * `asked`, which yields `user_id`, `email` and `is_taken` if the proof is good.
 *
 * This is a statement of its own, because a unique constraint is checked before a deletion in the same statement
 * counts. The lock of the row makes it look again at an account that is being proved at this moment.
 */
export const evictUnproved = (ctx: RequestContext, eventId: string, proof: SQL): SQL => {
  const event = {
    id: eventId,
    type: 'account.deleted',
    actor: sql`asked.user_id`,
    subject: sql`erased.id`,
    details: sql`jsonb_build_object('reason', 'superseded')`,
  } as const;
  const rival = sql`
    select rival.id, rival.email from users rival join asked on asked.email = rival.email
    where rival.id <> asked.user_id and not asked.is_taken and not ${holdsAddress(sql`rival`)}
    for update of rival`;
  return sql`
    with ${proof}, ${eraseAccount(ctx, null, rival)}, audited as (
      ${insertAudit(ctx, event)} from erased, asked
    )
    select ${changedAccounts(sql`select erased.id from erased`)}`;
};
