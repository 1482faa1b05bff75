import { sql } from 'drizzle-orm';
import { isLastAdministrator, lockOwnAuthority } from '../../administration/sql/authority.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { type SessionContext, withFacts } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { AppError } from '../../platform/errors.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { SessionRefusal } from '../../sessions/rules/session.ts';
import { changedAccounts } from '../../sessions/sql/changed-accounts.ts';
import { type Gate, passed } from '../../sessions/sql/gate.ts';
import { type Account, type AccountRecord, withPasswordAge } from '../rules/account.ts';
import { lockActor } from './account-lock.ts';
import { type AccountRow, accountColumnsOf, toAccount } from './account-rows.ts';
import { eraseAccount } from './erasure.ts';

/** Parts of the container. Programs use these statements too, and they know no Workers types. */
export type OwnAccountParts = {
  readonly db: Database;
  readonly gate: Gate;
  readonly newId: (now: Date) => string;
  readonly config: { readonly password: { readonly maxAgeDays: number | null } };
};

export type OwnAccountRow = AccountRow & { refusal: SessionRefusal };

export const createOwnAccountSql = ({ db, gate, newId, config }: OwnAccountParts) => {
  const { maxAgeDays } = config.password;
  const toOwn = (row: OwnAccountRow | undefined, now: Date): Account =>
    withPasswordAge(toAccount(passed(row)), maxAgeDays, now);

  return {
    /** The actor's account, and when the session ends by itself. @throws AppError `session_revoked`, `account_disabled` */
    find: async (ctx: SessionContext): Promise<{ account: AccountRecord; sessionExpiresAt: Date }> => {
      const [row] = await db.execute<OwnAccountRow & { session_expires_at: Date }>(
        ctx,
        gate.readOwn(
          ctx,
          ({ account, session }) =>
            sql`${session}.expires_at as session_expires_at, ${accountColumnsOf(account)}`,
          { unverified: true },
        ),
      );
      const own = passed(row);
      return { account: toAccount(own), sessionExpiresAt: own.session_expires_at };
    },

    /**
     * Sets the user name; null removes it. The unique constraint decides races.
     * @throws AppError `username_taken`, `session_revoked`, `account_disabled`, `email_not_verified`
     */
    rename: async (ctx: SessionContext, username: string | null): Promise<Account> => {
      const self = sql`renamed_account.id`;
      const details = sql`jsonb_build_object('username', 'changed')`;
      const statement = sql`
        with ${gate.own(ctx)}, renamed_account as (
          update users set username = ${username}, updated_at = ${ctx.now}
          from gate where gate.refusal is null and users.id = gate.user_id
          returning users.*
        ), audited as (
          ${insertAudit(ctx, { id: newId(ctx.now), type: 'account.changed', actor: self, subject: self, details })}
          from renamed_account
        )
        select coalesce(gate.refusal, case when renamed_account.id is null then 'session_revoked' end) as refusal,
          ${accountColumnsOf(sql`renamed_account`)},
          ${changedAccounts(sql`select renamed_account.id from renamed_account`)}
        from gate left join renamed_account on true`;
      try {
        const [, [row]] = (await db.transaction(ctx, [lockActor(gate, ctx), statement])) as [
          unknown,
          OwnAccountRow[],
        ];
        return toOwn(row, ctx.now);
      } catch (error) {
        if (violatedUnique(error) === 'users_username_unique') throw new AppError('username_taken');
        throw error;
      }
    },

    /**
     * Deletes the account if it is as it was when the password was proved: a link or another session that changed it
     * since has told its user so. Mails tell its addresses, the first one with the id `outboxId`.
     * @throws AppError the refusal of the gate; `conflict` for a changed account, and for the last administrator
     */
    remove: async (
      ctx: SessionContext,
      { passwordHash, updatedAt, outboxId }: { passwordHash: string; updatedAt: Date; outboxId: string },
    ): Promise<void> => {
      // The event outlives the person, so it is written without an address and a device.
      const anonymous = withFacts(ctx, { ip: null, userAgent: null, requestId: 'erased' });
      const self = sql`erased.id`;
      const admitted = sql`select verdict.id from verdict where verdict.refusal is null`;
      const statement = sql`
        with ${gate.own(ctx)}, verdict as (
          select account.id, case
            when gate.refusal is not null then gate.refusal
            when account.password_hash is distinct from ${passwordHash}
              or account.updated_at <> ${updatedAt}::timestamptz
              then 'account_changed'
            when ${isLastAdministrator(gate, sql`account`)} then 'last_administrator' end as refusal
          from gate join users account on account.id = gate.user_id
        ), ${eraseAccount(ctx, outboxId, admitted)}, audited as (
          ${insertAudit(anonymous, { id: newId(ctx.now), type: 'account.deleted', actor: self, subject: self })}
          from erased
        )
        select verdict.refusal, ${changedAccounts(sql`select erased.id from erased`)} from verdict`;
      const [, , [verdict]] = (await db.transaction(ctx, [
        lockOwnAuthority(gate, ctx),
        lockActor(gate, ctx, { deletes: true }),
        statement,
      ])) as [unknown, unknown, { refusal: Refusal }[]];
      passed(verdict);
    },
  };
};
