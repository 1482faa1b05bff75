import { type SQL, sql } from 'drizzle-orm';
import type { LoginName } from '../accounts/rules/account.ts';
import { lockActor, lockOwnerOf } from '../accounts/sql/account-lock.ts';
import {
  type AccountRow,
  accountColumnsOf,
  type SessionRow,
  toAccount,
  toSession,
} from '../accounts/sql/account-rows.ts';
import { insertAudit, noOne } from '../audit/sql/audit-rows.ts';
import { endedByNewPassword, establishedSeconds, settingPurposes } from '../emails/rules.ts';
import { succeededTokens } from '../emails/sql/repeated-use.ts';
import { voidUndos } from '../emails/sql/undo-tokens.ts';
import {
  askedTokenDetails,
  insertMail,
  isDue,
  isLive,
  type MailedToken,
  mailToken,
  noResetSent,
  originDetails,
  succeeds,
  voidTokens,
} from '../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../platform/context.ts';
import type { OpenSession, SessionPolicy } from '../sessions/rules/session.ts';
import { changedAccounts } from '../sessions/sql/changed-accounts.ts';
import { type Gated, passed, type StatementParts } from '../sessions/sql/gate.ts';
import { replaceSession } from '../sessions/sql/session-opening.ts';
import { isFamiliarNetwork, takesBack } from '../sessions/sql/session-rows.ts';
import { unlinkIdentities, vouchesFor } from '../sso/sql/identity-rows.ts';

/** An account with the hash of its password; null where it has none. */
export type Credential = {
  readonly userId: string;
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string | null;
};

/** The actor's credential, and when the account was last changed. */
export type OwnCredential = Credential & { readonly updatedAt: Date };

/** The account that a login names. */
export type LoginCandidate = Omit<Credential, 'username'> & {
  readonly passwordChangedAt: Date | null;
  readonly disabled: boolean;
  readonly emailVerified: boolean;
};

/** The account of a token that sets a password. `isRepeat`: the token has set it already. */
export type ResetCandidate = Credential & { readonly isRepeat: boolean };

export type NewPassword = { readonly hash: string; readonly outboxId: string };

type CredentialRow = { id: string; email: string; username: string | null; password_hash: string | null };

type CandidateRow = Omit<CredentialRow, 'username'> & {
  password_changed_at: Date | null;
  disabled: boolean;
  email_verified: boolean;
};

const toCredential = (row: CredentialRow): Credential => ({
  userId: row.id,
  email: row.email,
  username: row.username,
  passwordHash: row.password_hash,
});

/** Whether the login name names that account. */
const names = ({ kind, value }: LoginName, account: SQL): SQL =>
  kind === 'email' ? sql`${account}.email = ${value}` : sql`${account}.username = ${value}`;

/** Whether a token of that purpose sets a password. */
const sets = (purpose: SQL): SQL => sql`${purpose} = any(${sql.param(settingPurposes)}::text[])`;

/** The mail that tells the changed account of its new password. */
const tellChanged = (ctx: RequestContext, outboxId: string, changedUser: SQL): SQL =>
  insertMail(
    ctx,
    'password_changed',
    outboxId,
    sql`select ${changedUser}.id as user_id, ${changedUser}.email as recipient from ${changedUser}`,
    originDetails(ctx),
  );

/** The statements that read and write password hashes; no others return one. */
export const createPasswordSql = ({ db, gate, newId }: Pick<StatementParts, 'db' | 'gate' | 'newId'>) => ({
  findForLogin: async (ctx: RequestContext, name: LoginName): Promise<LoginCandidate | null> => {
    const [row] = await db.execute<CandidateRow>(
      ctx,
      sql`
        select users.id, users.email, users.password_hash, users.password_changed_at,
          users.disabled_at is not null as disabled, users.email_verified_at is not null as email_verified
        from users where ${names(name, sql`users`)}`,
    );
    return row
      ? {
          userId: row.id,
          email: row.email,
          passwordHash: row.password_hash,
          passwordChangedAt: row.password_changed_at,
          disabled: row.disabled,
          emailVerified: row.email_verified,
        }
      : null;
  },

  /**
   * Whether one of the account's newest sessions came from the network of this request; false where there is no
   * account.
   */
  isFamiliarNetwork: async (ctx: RequestContext, name: LoginName): Promise<boolean> => {
    const rows = await db.execute(
      ctx,
      sql`
        select from users
        where ${names(name, sql`users`)} and ${isFamiliarNetwork(sql`users.id`, sql`${ctx.ip}::inet`)}`,
    );
    return rows.length > 0;
  },

  /** Replaces a hash by one of the same password under other parameters, unless the password has changed meanwhile. */
  replaceHash: async (ctx: RequestContext, userId: string, before: string, after: string): Promise<void> => {
    await db.execute(
      ctx,
      sql`
        update users set password_hash = ${after}, updated_at = ${ctx.now}
        where id = ${userId} and password_hash = ${before}`,
    );
  },

  /** The actor's own credential. @throws AppError what the gate refuses with */
  findOwn: async (ctx: SessionContext): Promise<OwnCredential> => {
    const [row] = await db.execute<CredentialRow & Gated & { updated_at: Date }>(
      ctx,
      sql`
        with ${gate.own(ctx)}
        select gate.refusal, users.id, users.email, users.username, users.password_hash, users.updated_at
        from gate join users on users.id = gate.user_id`,
    );
    const own = passed(row);
    return { ...toCredential(own), updatedAt: own.updated_at };
  },

  /**
   * Replaces the actor's password, ends all sessions and everything that the old password could have asked for, and
   * opens a session in place of the actor's, so that no token from before outlives the change. Null where the session
   * has ended or the password has changed meanwhile.
   */
  change: async (
    ctx: SessionContext,
    before: string,
    { hash, outboxId }: NewPassword,
    policy: SessionPolicy,
  ): Promise<OpenSession | null> => {
    const { now } = ctx;
    const replacement = {
      id: newId(now),
      policy,
      account: sql`select changed_user.id from changed_user`,
      reason: 'password_changed',
      at: now,
      ends: 'all',
    } as const;
    const event = {
      id: newId(now),
      type: 'password.changed',
      actor: sql`changed_user.id`,
      subject: sql`changed_user.id`,
    } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockActor(gate, ctx),
      sql`
        with ${gate.own(ctx)}, changed_user as (
          update users set password_hash = ${hash}, password_changed_at = ${now}, must_change_password = false,
            ${noResetSent}, updated_at = ${now}
          from gate where gate.refusal is null and users.id = gate.user_id and users.password_hash = ${before}
          returning users.*
        ), ${replaceSession(ctx, replacement)}, voided_tokens as (
          ${voidTokens(ctx, endedByNewPassword, sql`changed_user`)}
        ), new_mail as (
          ${tellChanged(ctx, outboxId, sql`changed_user`)}
        ), audited as (
          ${insertAudit(ctx, event)} from changed_user
        )
        select replaced.*, ${accountColumnsOf(sql`changed_user`)},
          ${changedAccounts(sql`select changed_user.id from changed_user`)}
        from changed_user, replaced`,
    ])) as [unknown, (AccountRow & SessionRow)[]];
    return row ? { session: toSession(row), account: toAccount(row) } : null;
  },

  /**
   * Writes a reset token and its mail if the address has an account and the last mail is a minute old. Networks that
   * the account knows have a minute of their own. The account's row lock decides between parallel requests. An audit
   * event is written in either case, so that the time of the statement does not tell whether there is an account.
   */
  forget: async (ctx: RequestContext, email: string, token: MailedToken): Promise<void> => {
    const event = {
      id: newId(ctx.now),
      type: 'password.reset_requested',
      actor: noOne,
      subject: sql`mailed_user.user_id`,
    } as const;
    const resetMail = {
      purpose: 'reset_password',
      template: 'reset_password',
      token,
      from: sql`select mailed_user.user_id, mailed_user.email from mailed_user`,
      details: askedTokenDetails(ctx, token.tokenId),
    } as const;
    await db.execute(
      ctx,
      sql`
        with mailed_user as (
          update users set
            reset_sent_at = case when known.is_familiar then reset_sent_at else ${ctx.now}::timestamptz end,
            familiar_reset_sent_at =
              case when known.is_familiar then ${ctx.now}::timestamptz else familiar_reset_sent_at end
          from (
            select named.id, ${isFamiliarNetwork(sql`named.id`, sql`${ctx.ip}::inet`)} as is_familiar
            from users named where named.email = ${email}
          ) known
          where users.id = known.id and users.email = ${email} and disabled_at is null
            and ${isDue(ctx, sql`case when known.is_familiar then familiar_reset_sent_at else reset_sent_at end`)}
          returning users.id as user_id, users.email
        ), ${mailToken(ctx, resetMail)}
        ${insertAudit(ctx, event)} from (select 1) always left join mailed_user on true`,
    );
  },

  /**
   * The actor's account, if the change that gave it its present password has ended the actor's session; null otherwise
   * (docs/adr/0032).
   */
  findChanged: async (ctx: SessionContext): Promise<Credential | null> => {
    const [row] = await db.execute<CredentialRow>(
      ctx,
      sql`
        select users.id, users.email, users.username, users.password_hash,
          ${changedAccounts(sql`select users.id`)}
        from sessions session join users on users.id = session.user_id
        where session.id = ${ctx.actor.sessionId} and users.id = ${ctx.actor.userId}
          and session.revoked_reason = 'password_changed' and session.revoked_at = users.password_changed_at
          and users.disabled_at is null`,
    );
    return row ? toCredential(row) : null;
  },

  /**
   * The account whose password a reset token may set, or has set (`isRepeat`) and which still has that password
   * (docs/adr/0032); null for any other token.
   */
  findForReset: async (ctx: RequestContext, tokenId: string): Promise<ResetCandidate | null> => {
    const hasSet = sql`
      token.id = ${tokenId} and ${sets(sql`token.purpose`)} and token.used_at is not null
      and token.succeeded_at = account.password_changed_at`;
    const [row] = await db.execute<CredentialRow & { is_repeat: boolean }>(
      ctx,
      sql`
        select users.id, users.email, users.username, users.password_hash, false as is_repeat,
          null::uuid[] as changed_accounts
        from one_time_tokens token join users on users.id = token.user_id
        where token.id = ${tokenId} and ${sets(sql`token.purpose`)} and token.used_at is null
          and token.expires_at > ${ctx.now} and token.email = users.email and users.disabled_at is null
        union all
        select repeated.user_id, repeated.email, repeated.username, repeated.password_hash, true,
          array[repeated.user_id]
        from (${succeededTokens(hasSet)}) repeated`,
    );
    return row ? { ...toCredential(row), isRepeat: row.is_repeat } : null;
  },

  /**
   * Uses up the token, sets the password, ends all sessions and everything that the old password could have asked
   * for, and marks the address as proved, because the token came by it. A stranger may have brought identities for
   * which no provider vouches, and addresses that the account had only briefly: the former are unlinked, the undo
   * links of the latter end. False where the token was used meanwhile; the account's lock decides races.
   */
  reset: async (ctx: RequestContext, tokenId: string, { hash, outboxId }: NewPassword): Promise<boolean> => {
    const { now } = ctx;
    const event = {
      id: newId(now),
      type: 'password.reset',
      actor: sql`changed_user.id`,
      subject: sql`changed_user.id`,
    } as const;
    const changedUser = sql`select changed_user.id from changed_user`;
    const otherTokens = sql`token.id <> ${tokenId}`;
    const unproved = sql`not ${vouchesFor(sql`identity`, sql`(select changed_user.email from changed_user)`)}`;
    const isRecent = sql`undo.proved_at > undo.created_at - ${establishedSeconds}::int * interval '1 second'`;
    const [, rows] = (await db.transaction(ctx, [
      lockOwnerOf(tokenId),
      sql`
        with used_token as (
          update one_time_tokens set ${succeeds(now)}
          where id = ${tokenId} and ${sets(sql`purpose`)} and ${isLive(sql`one_time_tokens`, now)}
          returning user_id, email
        ), changed_user as (
          update users set password_hash = ${hash}, password_changed_at = ${now}, must_change_password = false,
            email_verified_at = coalesce(users.email_verified_at, ${now}), ${takesBack(ctx, now)},
            ${noResetSent}, updated_at = ${now}
          from used_token
          where users.id = used_token.user_id and users.email = used_token.email and users.disabled_at is null
          returning users.id, users.email
        ), ended_session as (
          update sessions set revoked_at = ${now}, revoked_reason = 'password_changed'
          from changed_user where sessions.user_id = changed_user.id and sessions.revoked_at is null
        ), voided_tokens as (
          ${voidTokens(ctx, [...endedByNewPassword, 'verify_email'], sql`changed_user`, otherTokens)}
        ), ${unlinkIdentities(ctx, newId(now), changedUser, { which: unproved })}, voided_undos as (
          ${voidUndos(ctx, sql`changed_user`, isRecent)}
        ), new_mail as (
          ${tellChanged(ctx, outboxId, sql`changed_user`)}
        ), audited as (
          ${insertAudit(ctx, event)} from changed_user
        )
        select ${changedAccounts(sql`select changed_user.id from changed_user`)} from changed_user`,
    ])) as [unknown, unknown[]];
    return rows.length > 0;
  },
});
