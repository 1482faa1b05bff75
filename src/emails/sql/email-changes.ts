import { type SQL, sql } from 'drizzle-orm';
import { lockActorAndAccountOf, lockForMove } from '../../accounts/sql/account-lock.ts';
import {
  belongsToAnother,
  evictUnproved,
  holdsAddress,
  isHeld,
  isTaken,
} from '../../accounts/sql/taken-addresses.ts';
import type { AuditEventType } from '../../audit/rules.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import {
  insertMail,
  insertToken,
  isDue,
  type MailedToken,
  mailToken,
  noResetSent,
  voidTokens,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { type SessionRefusal, secondsAfter } from '../../sessions/rules/session.ts';
import { type Gate, refusalOf } from '../../sessions/sql/gate.ts';
import { isBeforeCutoff, isOver } from '../../sessions/sql/session-rows.ts';
import { unlinkIdentities, vouchesFor } from '../../sso/sql/identity-rows.ts';
import { endedByNewAddress, tokenTtlSeconds } from '../rules.ts';
import type { ProofOutcome } from './email-addresses.ts';
import { isLaterUndo, isUndoOf, tellReserved, voidUndos } from './undo-tokens.ts';

export type ChangeRequest = {
  readonly email: string;
  /** Of the password that was proved. */
  readonly passwordHash: string;
  readonly token: MailedToken;
  /** The mail to the address that the account has. */
  readonly noticeId: string;
};

type AskedRow = {
  is_taken: boolean;
  free_to_asker: boolean;
  user_id: string;
  email: string | null;
  username: string | null;
};

const toOutcome = (row: AskedRow | undefined): ProofOutcome => {
  if (row?.is_taken) return { kind: 'email_taken', freeToAsker: row.free_to_asker };
  return !row || row.email === null
    ? { kind: 'void' }
    : { kind: 'done', userId: row.user_id, email: row.email, username: row.username };
};

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type EmailChangeRepository = ReturnType<typeof createEmailChangeRepository>;

/** Moving an account to another address, and back. */
export const createEmailChangeRepository = (db: Database, { newId, gate }: Options) => {
  const auditOf = (ctx: RequestContext, type: AuditEventType) =>
    insertAudit(ctx, { id: newId(ctx.now), type, actor: sql`c.id`, subject: sql`c.id` });

  /** A token `t` that is good, with its account `u`, as `asked`; and whether another account has or gets its address. */
  const askedBy = (
    ctx: RequestContext,
    tokenId: string,
    { which, taken, needsSession = sql`false` }: { which: SQL; taken: SQL; needsSession?: SQL },
  ) => sql`
    asked as (
      select t.id, t.user_id, t.email, t.purpose, t.proved_at, t.created_at, u.email as present_email,
        u.email_verified_at as present_since, u.username,
        found.is_held or found.needs_session as is_taken, found.needs_session and not found.is_held as free_to_asker
      from one_time_tokens t join users u on u.id = t.user_id
        cross join lateral (select ${taken} as is_held, ${needsSession} as needs_session) found
      where t.id = ${tokenId} and t.used_at is null and t.expires_at > ${ctx.now} and ${which}
    )`;

  /**
   * Moves an account to the address of a token, and erases the account that had it without a proof. An account that
   * takes the address between the two statements is found by a second try; else the unique constraint decides.
   */
  const move = async (
    ctx: RequestContext,
    tokenId: string,
    asked: SQL,
    statement: SQL,
    triesLeft = 1,
  ): Promise<ProofOutcome> => {
    try {
      const [, , [row]] = (await db.transaction(ctx, [
        lockForMove(tokenId),
        evictUnproved(ctx, newId(ctx.now), asked),
        statement,
      ])) as [unknown, unknown, AskedRow[]];
      return toOutcome(row);
    } catch (error) {
      if (violatedUnique(error) !== 'users_email_unique') throw error;
      return triesLeft > 0
        ? move(ctx, tokenId, asked, statement, triesLeft - 1)
        : { kind: 'email_taken', freeToAsker: false };
    }
  };

  return {
    /**
     * Asks a new address to prove itself, instead of any that was asked before, and tells the one that the account
     * has. An address that is taken is told so instead; the caller learns nothing, nor does the old address.
     * @returns `conflict` where the password was changed meanwhile
     */
    request: async (
      ctx: SessionContext,
      { email, passwordHash, token, noticeId }: ChangeRequest,
    ): Promise<SessionRefusal | 'conflict'> => {
      const asked = sql`jsonb_build_object('new_email', ${email}::text, 'ip', ${ctx.ip}::text, 'user_agent', ${ctx.userAgent}::text)`;
      const proof = {
        purpose: 'change_email',
        template: 'verify_new_email',
        token,
        from: sql`select c.id as user_id, ${email}::text as email from c where not exists (select from holder)`,
      } as const;
      const [, [row]] = (await db.transaction(ctx, [
        lockActorAndAccountOf(gate, ctx, email),
        sql`
          with ${gate.own(ctx)}, c as (
            select u.id, u.email, u.email_verified_at from gate join users u on u.id = gate.user_id
            where gate.refusal is null and u.password_hash = ${passwordHash}
          ), holder as (
            select o.id, null::timestamptz as kept_until from users o, c
            where o.email = ${email} and o.id <> c.id and ${holdsAddress(sql`o`)}
            union all
            select k.user_id, k.expires_at from one_time_tokens k, c
            where ${isUndoOf(ctx, sql`k`, sql`${email}::text`)} and k.user_id <> c.id
            order by kept_until nulls first limit 1
          ), reminded as (
            update users set exists_notice_sent_at = ${ctx.now}
            from holder where users.id = holder.id and ${isDue(ctx, sql`users.exists_notice_sent_at`)}
            returning users.id as user_id, holder.kept_until
          ), voided as (
            ${voidTokens(ctx, ['change_email'])}
          ), ${mailToken(ctx, proof)}, told_owner as (
            ${insertMail(
              ctx,
              'account_exists',
              token.outboxId,
              sql`
              select reminded.user_id, ${email}::text as recipient from reminded where reminded.kept_until is null`,
            )}
          ), told_kept as (
            ${tellReserved(ctx, token.outboxId, email, sql`select reminded.kept_until from reminded where reminded.kept_until is not null`)}
          ), told as (
            ${insertMail(ctx, 'email_change_requested', noticeId, sql`select c.id as user_id, c.email as recipient from c`, asked)}
          ), audited as (
            ${auditOf(ctx, 'email.change_requested')} from c
          )
          select case when gate.refusal is not null then gate.refusal
                      when not exists (select from c) then 'conflict' end as refusal from gate`,
      ])) as [unknown, { refusal: SessionRefusal | 'conflict' }[]];
      return refusalOf(row);
    },

    /**
     * Moves the account to the address that the token proves, and gives the old one a week to undo it, if that was
     * proved. A move to an address that the account could have undone to is that undo: the account has had the address
     * for as long as before, and whatever has opened it or was asked for since ends, but the asker's session and the
     * password, which was just proved. The thief may know it too, so the undo links of that address stay good.
     *
     * An account that has the address without a proof is erased, but only by a session of the account that asked. Otherwise
     * a stranger could ask for the address of a new account, and the owner of that account would erase it by one click.
     */
    confirm: (
      ctx: RequestContext,
      tokenId: string,
      { sessionId, restore }: { readonly sessionId: string | null; readonly restore: MailedToken },
    ): Promise<ProofOutcome> => {
      const { now } = ctx;
      const isAsker = sql`exists (
        select from sessions s where s.id = ${sessionId}::uuid and s.user_id = t.user_id and not ${isOver(sql`s`, now)})`;
      const asked = askedBy(ctx, tokenId, {
        which: sql`t.purpose = 'change_email' and u.disabled_at is null and not ${isBeforeCutoff(sql`t.created_at`)}`,
        taken: isTaken(ctx, sql`t.email`, sql`t.user_id`),
        needsSession: sql`(not ${isAsker} and ${belongsToAnother(sql`t.email`, sql`t.user_id`)})`,
      });
      const changed = sql`jsonb_strip_nulls(jsonb_build_object('token_id', (select r.id from r), 'new_email', source.new_email))`;
      const left = sql`
        select asked.user_id, asked.present_email as email, asked.present_since from asked join t on true
        where asked.present_since is not null and not exists (select from home)`;
      return move(
        ctx,
        tokenId,
        asked,
        sql`
          with ${asked}, t as (
            update one_time_tokens o set used_at = ${now} from asked
            where o.id = asked.id and o.used_at is null and not asked.is_taken
            returning asked.user_id, asked.email, asked.present_since
          ), home as (
            select min(k.proved_at) as proved_at, min(k.created_at) as created_at from one_time_tokens k, t
            where k.user_id = t.user_id and ${isUndoOf(ctx, sql`k`, sql`t.email`)} having count(*) > 0
          ), c as (
            update users set email = t.email, ${noResetSent}, updated_at = ${now},
              familiar_since = case when exists (select from home) then ${now}::timestamptz else users.familiar_since end,
              -- Later than the address before, whatever the clocks of two requests say: undo links are compared by it.
              email_verified_at = coalesce((select home.proved_at from home),
                greatest(${now}::timestamptz, t.present_since + interval '1 millisecond'))
            from t where users.id = t.user_id
            returning users.id, users.email, users.username
          ), voided as (
            ${voidTokens(ctx, endedByNewAddress, sql`o.id <> ${tokenId}`)}
          ), undone as (
            ${voidUndos(ctx, sql`o.email <> c.email and exists (select from home where ${isLaterUndo(sql`o`, sql`home`)})`)}
          ), ended as (
            update sessions s set revoked_at = ${now}, revoked_reason = 'email_restored'
            from c where s.user_id = c.id and s.revoked_at is null and s.id is distinct from ${sessionId}::uuid
              and exists (select from home)
          ), ${unlinkIdentities(ctx, newId(now), sql`select c.id from c, home`, { which: sql`not ${vouchesFor(sql`i`, sql`(select c.email from c)`)}` })}, r as (
            ${insertToken(ctx, 'restore_email', restore, left, sql`source.present_since`)}
          ), told as (
            ${insertMail(ctx, 'email_changed', restore.outboxId, sql`select c.id as user_id, asked.present_email as recipient, c.email as new_email from c, asked`, changed)}
          ), audited as (
            ${auditOf(ctx, 'email.changed')} from c
          )
          select asked.is_taken, asked.free_to_asker, asked.user_id, c.email, c.username from asked left join c on true`,
      );
    },

    /**
     * Gives the account back to an address that it has left. Somebody may have stolen it, so everything ends that has
     * opened it or was asked for since, the password too, and the token becomes one that sets the next password: its
     * holder is the owner. Undo links of addresses that the account had before this one stay good: they come first.
     * The same token again changes nothing, until it has set a password.
     */
    restore: (ctx: RequestContext, tokenId: string, noticeId: string): Promise<ProofOutcome> => {
      const { now } = ctx;
      const asked = askedBy(ctx, tokenId, {
        which: sql`(t.purpose = 'restore_email' or t.purpose = 'reset_password' and t.email = u.email)`,
        taken: isHeld(sql`t.email`, sql`t.user_id`),
      });
      return move(
        ctx,
        tokenId,
        asked,
        sql`
          with ${asked}, t as (
            update one_time_tokens o set purpose = 'reset_password', created_at = ${now},
              expires_at = ${secondsAfter(now, tokenTtlSeconds.reset_password)}
            from asked where o.id = asked.id and o.used_at is null and asked.purpose = 'restore_email' and not asked.is_taken
            returning asked.*
          ), c as (
            update users set email = t.email, email_verified_at = coalesce(t.proved_at, ${now}::timestamptz), password_hash = null,
              password_changed_at = null, must_change_password = false, familiar_since = ${now}, ${noResetSent}, updated_at = ${now}
            from t where users.id = t.user_id
            returning users.id, users.email, users.username
          ), ended as (
            update sessions s set revoked_at = ${now}, revoked_reason = 'email_restored'
            from c where s.user_id = c.id and s.revoked_at is null
          ), ${unlinkIdentities(ctx, newId(now), sql`select c.id from c`, { which: sql`not ${vouchesFor(sql`i`, sql`(select c.email from c)`)}` })}, spent as (
            ${voidTokens(ctx, endedByNewAddress, sql`o.id <> ${tokenId}`)}
          ), undone as (
            ${voidUndos(ctx, sql`o.id <> ${tokenId} and exists (select from t where o.email = t.email or ${isLaterUndo(sql`o`, sql`t`)})`)}
          ), told as (
            ${insertMail(ctx, 'email_restored', noticeId, sql`select t.user_id, t.present_email as recipient from t where t.present_since is not null`)}
          ), audited as (
            ${auditOf(ctx, 'email.restored')} from c
          )
          select asked.is_taken, asked.free_to_asker, asked.user_id, coalesce(c.email, asked.present_email) as email, asked.username
          from asked left join c on true`,
      );
    },
  };
};
