import { sql } from 'drizzle-orm';
import { isLastAdministrator, lockOwnAuthority } from '../../administration/sql/authority.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { type SessionContext, withFacts } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { SessionRefusal } from '../../sessions/rules/session.ts';
import { type Gate, type Gated, refusalOf } from '../../sessions/sql/gate.ts';
import type { AccountRecord } from '../rules/account.ts';
import { lockActor } from './account-lock.ts';
import { type AccountRow, accountColumns, toAccount } from './account-rows.ts';
import { eraseAccount } from './erasure.ts';

type Own<Found> = { refusal: Exclude<SessionRefusal, null> } | ({ refusal: null } & Found);

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type OwnAccountRepository = ReturnType<typeof createOwnAccountRepository>;

/** What people do with their own accounts. */
export const createOwnAccountRepository = (db: Database, { newId, gate }: Options) => ({
  find: async (ctx: SessionContext): Promise<Own<{ account: AccountRecord }>> => {
    const [row] = await db.execute<AccountRow & Gated>(
      ctx,
      sql`with ${gate.own(ctx, { unverified: true })}
          select gate.refusal, ${accountColumns} from gate join users u on u.id = gate.user_id`,
    );
    const refusal = refusalOf(row);
    return row && refusal === null
      ? { refusal, account: toAccount(row) }
      : { refusal: refusal ?? 'session_revoked' };
  },

  /** Sets the user name, or takes it away. The unique constraint decides races. */
  rename: async (
    ctx: SessionContext,
    username: string | null,
  ): Promise<Own<{ account: AccountRecord }> | { refusal: 'username_taken' }> => {
    const event = {
      id: newId(ctx.now),
      type: 'account.changed',
      actor: sql`u.id`,
      subject: sql`u.id`,
      details: sql`jsonb_build_object('username', 'changed')`,
    } as const;
    try {
      const [, [row]] = (await db.transaction(ctx, [
        lockActor(gate, ctx),
        sql`
          with ${gate.own(ctx)}, u as (
            update users set username = ${username}, updated_at = ${ctx.now}
            from gate where gate.refusal is null and users.id = gate.user_id
            returning users.*
          ), audited as (
            ${insertAudit(ctx, event)} from u
          )
          select coalesce(gate.refusal, case when u.id is null then 'session_revoked' end) as refusal, ${accountColumns}
          from gate left join u on true`,
      ])) as [unknown, (AccountRow & Gated)[]];
      const refusal = refusalOf(row);
      return row && refusal === null
        ? { refusal, account: toAccount(row) }
        : { refusal: refusal ?? 'session_revoked' };
    } catch (error) {
      if (violatedUnique(error) === 'users_username_unique') return { refusal: 'username_taken' };
      throw error;
    }
  },

  /**
   * Deletes the account if it is as it was when the password was proved, and not the last administrator's. Whoever has
   * changed it since, by a link or in another session, has been told that it is so.
   */
  remove: async (
    ctx: SessionContext,
    { passwordHash, updatedAt, outboxId }: { passwordHash: string; updatedAt: Date; outboxId: string },
  ): Promise<Refusal> => {
    // The event stays when the person is gone, so it is the first to have no address and no device.
    const anonymous = withFacts(ctx, { ip: null, userAgent: null, requestId: 'erased' });
    const event = {
      id: newId(ctx.now),
      type: 'account.deleted',
      actor: sql`erased.id`,
      subject: sql`erased.id`,
    } as const;
    const [, , [verdict]] = (await db.transaction(ctx, [
      lockOwnAuthority(gate, ctx),
      lockActor(gate, ctx, { deletes: true }),
      sql`
        with ${gate.own(ctx)}, verdict as (
          select u.id, case
            when gate.refusal is not null then gate.refusal
            when u.password_hash is distinct from ${passwordHash} or u.updated_at <> ${updatedAt}::timestamptz
              then 'account_changed'
            when ${isLastAdministrator(gate)} then 'last_administrator' end as refusal
          from gate join users u on u.id = gate.user_id
        ), ${eraseAccount(ctx, outboxId, sql`select verdict.id from verdict where verdict.refusal is null`)}, audited as (
          ${insertAudit(anonymous, event)} from erased
        )
        select verdict.refusal from verdict`,
    ])) as [unknown, unknown, { refusal: Refusal }[]];
    return refusalOf(verdict);
  },
});
