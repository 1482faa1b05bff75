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
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import {
  insertMail,
  insertToken,
  isDue,
  isLive,
  type MailedToken,
  mailToken,
  noResetSent,
  originDetails,
  succeeds,
  voidTokens,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { AppError } from '../../platform/errors.ts';
import { type SessionRefusal, secondsAfter } from '../../sessions/rules/session.ts';
import { changedAccounts } from '../../sessions/sql/changed-accounts.ts';
import { passed, type StatementParts } from '../../sessions/sql/gate.ts';
import { isBeforeCutoff, isOver, takesBack } from '../../sessions/sql/session-rows.ts';
import { unlinkIdentities, vouchesFor } from '../../sso/sql/identity-rows.ts';
import { endedByNewAddress, type TokenPurpose, tokenTtlSeconds } from '../rules.ts';
import type { ProofOutcome, Proved } from './email-addresses.ts';
import { succeededTokens } from './repeated-use.ts';
import { isLaterUndo, isUndoOf, tellReserved, voidUndos } from './undo-tokens.ts';

type ChangeRequest = {
  readonly email: string;
  /** The hash of the password that was proved. */
  readonly passwordHash: string;
  readonly token: MailedToken;
  /** The id of the mail to the address that the account has. */
  readonly noticeId: string;
};

type AskedRow = {
  is_taken: boolean;
  free_to_asker: boolean;
  user_id: string;
  email: string | null;
  username: string | null;
  is_repeat: boolean;
  sets_password: boolean;
};

const passwordChanged = {
  detail: 'The password was changed at the same moment. Log in with the new one, and ask again.',
};

/** `setsPassword`: the token sets a password next. */
export type MoveOutcome =
  | Exclude<ProofOutcome, Proved<'done'>>
  | (Proved<'done'> & { readonly setsPassword: boolean });

const toOutcome = (row: AskedRow | undefined): MoveOutcome => {
  if (row?.is_taken) return { kind: 'email_taken', freeToAsker: row.free_to_asker };
  if (!row || row.email === null) return { kind: 'void' };
  const { user_id: userId, email, username, is_repeat: isRepeat, sets_password: setsPassword } = row;
  return { kind: 'done', userId, email, username, isRepeat, setsPassword };
};

/**
 * A good token with its account, as the expression `asked`, and whether another account has or gets its address. The
 * conditions are about the relations `token` and `account`.
 */
const askedBy = (
  { now }: RequestContext,
  tokenId: string,
  { which, taken, needsSession = sql`false` }: { which: SQL; taken: SQL; needsSession?: SQL },
): SQL => sql`
  asked as (
    select token.id, token.user_id, token.email, token.proved_at, token.created_at,
      account.email as present_email, account.email_verified_at as present_since, account.username,
      found.is_held or found.needs_session as is_taken, found.needs_session and not found.is_held as free_to_asker
    from one_time_tokens token join users account on account.id = token.user_id
      cross join lateral (select ${taken} as is_held, ${needsSession} as needs_session) found
    where token.id = ${tokenId} and ${isLive(sql`token`, now)} and ${which}
  )`;

/**
 * What `move` tells: the account with its new address, or what keeps it from getting it. For a token that has moved it
 * before, the account as it is.
 */
const movedOr = ({ now }: RequestContext, tokenId: string, purpose: TokenPurpose): SQL => sql`
  select asked.is_taken, asked.free_to_asker, asked.user_id, moved_account.email, moved_account.username,
    false as is_repeat, ${purpose === 'reset_password'}::boolean as sets_password,
    ${changedAccounts(sql`select moved_account.id from moved_account`)}
  from asked left join moved_account on true
  union all
  select false, false, repeated.user_id, repeated.email, repeated.username, true,
    ${isLive(sql`repeated`, now)}, array[repeated.user_id]
  from (${succeededTokens(sql`token.id = ${tokenId} and token.purpose = ${purpose}::text`)}) repeated`;

/** Whether the provider of an identity does not vouch for the address that the moved account has now. */
const isUnvouched = sql`not ${vouchesFor(sql`identity`, sql`(select moved_account.email from moved_account)`)}`;

/** Moving an account to another address, and back. */
export const createEmailChangeSql = ({ db, gate, newId }: Pick<StatementParts, 'db' | 'gate' | 'newId'>) => {
  const auditOf = (ctx: RequestContext, type: AuditEventType, account: SQL, actor = sql`${account}.id`) =>
    sql`${insertAudit(ctx, { id: newId(ctx.now), type, actor, subject: sql`${account}.id` })} from ${account}`;

  /**
   * Moves an account to the address of a token, and erases the account that had it without a proof. If an account takes
   * the address between the two statements, the second try finds it; after that, the unique constraint decides.
   */
  const move = async (
    ctx: RequestContext,
    tokenId: string,
    asked: SQL,
    statement: SQL,
    triesLeft = 1,
  ): Promise<MoveOutcome> => {
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
     * Asks a new address to prove itself, in place of another address that was asked before, and tells the address that
     * the account has. An address that is taken gets a mail that says so; the caller and the old address learn nothing.
     * @throws AppError the refusal of the gate; `conflict` if the password was changed meanwhile
     */
    request: async (
      ctx: SessionContext,
      { email, passwordHash, token, noticeId }: ChangeRequest,
    ): Promise<void> => {
      // What a stranger types does not go to an address that they have not proved.
      const asked = sql`jsonb_strip_nulls(jsonb_build_object(
        'new_email', case when source.is_proved then ${email}::text end)) || ${originDetails(ctx)}`;
      const owner = sql`
        select asking_account.id as user_id, asking_account.email as recipient, asking_account.is_proved
        from asking_account`;
      const holder = sql`
        select reminded.user_id, ${email}::text as recipient from reminded where reminded.kept_until is null`;
      const reservation = sql`select reminded.kept_until from reminded where reminded.kept_until is not null`;
      const proof = {
        purpose: 'change_email',
        template: 'verify_new_email',
        token,
        from: sql`
          select asking_account.id as user_id, ${email}::text as email from asking_account
          where not exists (select from holder)`,
      } as const;
      const [, [row]] = (await db.transaction(ctx, [
        lockActorAndAccountOf(gate, ctx, email),
        sql`
          with ${gate.own(ctx)}, asking_account as (
            select account.id, account.email, account.email_verified_at is not null as is_proved
            from gate join users account on account.id = gate.user_id
            where gate.refusal is null and account.password_hash = ${passwordHash}
          ), holder as (
            select rival.id, null::timestamptz as kept_until from users rival, asking_account
            where rival.email = ${email} and rival.id <> asking_account.id and ${holdsAddress(sql`rival`)}
            union all
            select undo.user_id, undo.expires_at from one_time_tokens undo, asking_account
            where ${isUndoOf(ctx, sql`undo`, sql`${email}::text`)} and undo.user_id <> asking_account.id
            order by kept_until nulls first limit 1
          ), reminded as (
            update users set exists_notice_sent_at = ${ctx.now}
            from holder where users.id = holder.id and ${isDue(ctx, sql`users.exists_notice_sent_at`)}
            returning users.id as user_id, holder.kept_until
          ), voided_tokens as (
            -- A form that is sent twice leaves the link of its first mail good.
            ${voidTokens(ctx, ['change_email'], sql`asking_account`, sql`token.email <> ${email}::text`)}
          ), ${mailToken(ctx, proof)}, told_holder as (
            ${insertMail(ctx, 'account_exists', token.outboxId, holder)}
          ), told_reserved as (
            ${tellReserved(ctx, token.outboxId, email, reservation)}
          ), told_owner as (
            ${insertMail(ctx, 'email_change_requested', noticeId, owner, asked)}
          ), audited as (
            ${auditOf(ctx, 'email.change_requested', sql`asking_account`)}
          )
          select gate.refusal, not exists (select from asking_account) as has_changed from gate`,
      ])) as [unknown, { refusal: SessionRefusal; has_changed: boolean }[]];
      if (passed(row).has_changed) throw new AppError('conflict', passwordChanged);
    },

    /**
     * Moves the account to the address that the token proves, and gives the old address, if it was proved, a week to
     * undo the move. A move to an address that the account could have undone to is that undo: the account has had the
     * address for as long as before. Then everything ends that has opened the account or was asked for since, except
     * the asker's session and the password, which was just proved. A thief may know the password too, so the undo links
     * of that address stay good.
     *
     * An account that has the address without a proof is erased, but only by a session of the account that asked.
     * Otherwise a stranger could ask for the address of a new account, whose owner would erase it with one click.
     */
    confirm: (
      ctx: RequestContext,
      tokenId: string,
      { sessionId, restore }: { readonly sessionId: string | null; readonly restore: MailedToken },
    ): Promise<MoveOutcome> => {
      const { now } = ctx;
      const isAsker = sql`exists (
        select from sessions session
        where session.id = ${sessionId}::uuid and session.user_id = token.user_id
          and not ${isOver(sql`session`, now)})`;
      const isGood = sql`
        token.purpose = 'change_email' and account.disabled_at is null
        and not ${isBeforeCutoff(sql`token.created_at`)}`;
      const asked = askedBy(ctx, tokenId, {
        which: isGood,
        taken: isTaken(ctx, sql`token.email`, sql`token.user_id`),
        needsSession: sql`(not ${isAsker} and ${belongsToAnother(sql`token.email`, sql`token.user_id`)})`,
      });
      const laterThanHome = sql`
        undo.email <> moved_account.email
        and exists (select from home where ${isLaterUndo(sql`undo`, sql`home`)})`;
      const returned = sql`select moved_account.id from moved_account, home`;
      const left = sql`
        select asked.user_id, asked.present_email as email, asked.present_since from asked join used_token on true
        where asked.present_since is not null and not exists (select from home)`;
      const notice = sql`
        select moved_account.id as user_id, asked.present_email as recipient,
          case when asked.present_since is not null then moved_account.email end as new_email
        from moved_account, asked`;
      const changed = sql`jsonb_strip_nulls(jsonb_build_object(
        'token_id', (select undo_token.id from undo_token), 'new_email', source.new_email))`;
      const statement = sql`
        with ${asked}, used_token as (
          update one_time_tokens token set ${succeeds(now)} from asked
          where token.id = asked.id and token.used_at is null and not asked.is_taken
          returning asked.user_id, asked.email, asked.present_since
        ), home as (
          select min(undo.proved_at) as proved_at, min(undo.created_at) as created_at
          from one_time_tokens undo, used_token
          where undo.user_id = used_token.user_id and ${isUndoOf(ctx, sql`undo`, sql`used_token.email`)}
          having count(*) > 0
        ), moved_account as (
          update users set email = used_token.email, ${noResetSent}, updated_at = ${now},
            ${takesBack(ctx, now, sql`exists (select from home)`)},
            -- Later than the address before even if two clocks disagree, because undo links are compared by it.
            email_verified_at = coalesce((select home.proved_at from home),
              greatest(${now}::timestamptz, used_token.present_since + interval '1 millisecond'))
          from used_token where users.id = used_token.user_id
          returning users.id, users.email, users.username
        ), voided_tokens as (
          ${voidTokens(ctx, endedByNewAddress, sql`moved_account`, sql`token.id <> ${tokenId}`)}
        ), voided_undos as (
          ${voidUndos(ctx, sql`moved_account`, laterThanHome)}
        ), ended_sessions as (
          update sessions session set revoked_at = ${now}, revoked_reason = 'email_restored'
          from moved_account where session.user_id = moved_account.id and session.revoked_at is null
            and session.id is distinct from ${sessionId}::uuid and exists (select from home)
        ), ${unlinkIdentities(ctx, newId(now), returned, { which: isUnvouched })}, undo_token as (
          ${insertToken(ctx, 'restore_email', restore, left, sql`source.present_since`)}
        ), told as (
          ${insertMail(ctx, 'email_changed', restore.outboxId, notice, changed)}
        ), audited as (
          ${auditOf(ctx, 'email.changed', sql`moved_account`, noOne)}
        )
        ${movedOr(ctx, tokenId, 'change_email')}`;
      return move(ctx, tokenId, asked, statement);
    },

    /**
     * Gives the account back to an address that it has left. A thief may have taken it, so everything ends that has
     * opened it or was asked for since, the password too, and the token becomes one that sets the next password: its
     * holder is the owner. Undo links of addresses that the account had before this one stay good. Using the token again
     * changes nothing.
     */
    restore: (ctx: RequestContext, tokenId: string, noticeId: string): Promise<MoveOutcome> => {
      const { now } = ctx;
      const asked = askedBy(ctx, tokenId, {
        which: sql`token.purpose = 'restore_email'`,
        taken: isHeld(sql`token.email`, sql`token.user_id`),
      });
      const moved = sql`select moved_account.id from moved_account`;
      const laterUndos = sql`undo.id <> ${tokenId} and exists (
        select from used_token where undo.email = used_token.email or ${isLaterUndo(sql`undo`, sql`used_token`)})`;
      const notice = sql`
        select used_token.user_id, used_token.present_email as recipient from used_token
        where used_token.present_since is not null`;
      const statement = sql`
        with ${asked}, used_token as (
          update one_time_tokens token set purpose = 'reset_password', succeeded_at = ${now}, created_at = ${now},
            expires_at = ${secondsAfter(now, tokenTtlSeconds.reset_password)}
          from asked where token.id = asked.id and token.used_at is null and not asked.is_taken
          returning asked.*
        ), moved_account as (
          update users set email = used_token.email,
            email_verified_at = coalesce(used_token.proved_at, ${now}::timestamptz), password_hash = null,
            password_changed_at = null, must_change_password = false, ${takesBack(ctx, now)},
            ${noResetSent}, updated_at = ${now}
          from used_token where users.id = used_token.user_id
          returning users.id, users.email, users.username
        ), ended_sessions as (
          update sessions session set revoked_at = ${now}, revoked_reason = 'email_restored'
          from moved_account where session.user_id = moved_account.id and session.revoked_at is null
        ), ${unlinkIdentities(ctx, newId(now), moved, { which: isUnvouched })}, voided_tokens as (
          ${voidTokens(ctx, endedByNewAddress, sql`moved_account`, sql`token.id <> ${tokenId}`)}
        ), voided_undos as (
          ${voidUndos(ctx, sql`moved_account`, laterUndos)}
        ), told as (
          ${insertMail(ctx, 'email_restored', noticeId, notice)}
        ), audited as (
          ${auditOf(ctx, 'email.restored', sql`moved_account`)}
        )
        ${movedOr(ctx, tokenId, 'reset_password')}`;
      return move(ctx, tokenId, asked, statement);
    },
  };
};
