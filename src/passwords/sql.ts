import { type SQL, sql } from 'drizzle-orm';
import { lockActor, lockOwnerOf } from '../accounts/sql/account-lock.ts';
import {
  type AccountRow,
  accountColumns,
  type SessionRow,
  toAccount,
  toSession,
} from '../accounts/sql/account-rows.ts';
import { insertAudit, noOne } from '../audit/sql/audit-rows.ts';
import { endedByNewPassword, establishedSeconds, settingPurposes } from '../emails/rules.ts';
import { voidUndos } from '../emails/sql/undo-tokens.ts';
import {
  askedTokenDetails,
  insertMail,
  isDue,
  type MailedToken,
  mailToken,
  noResetSent,
  originDetails,
  voidTokens,
} from '../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../platform/context.ts';
import type { Database } from '../platform/db/client.ts';
import type { OpenSession, SessionPolicy, SessionRefusal } from '../sessions/rules/session.ts';
import { type Gate, type Gated, refusalOf } from '../sessions/sql/gate.ts';
import { replaceSession } from '../sessions/sql/session-replacement.ts';
import { isFamiliarNetwork } from '../sessions/sql/session-rows.ts';
import { unlinkIdentities, vouchesFor } from '../sso/sql/identity-rows.ts';

/** What is needed to check and replace a password. */
export type Credential = {
  readonly userId: string;
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string | null;
};

type CredentialRow = { id: string; email: string; username: string | null; password_hash: string | null };

/** The actor's, with when the account was last changed. */
export type OwnCredential = Credential & { readonly updatedAt: Date };

const toCredential = (row: CredentialRow): Credential => ({
  userId: row.id,
  email: row.email,
  username: row.username,
  passwordHash: row.password_hash,
});

export type NewPassword = { readonly hash: string; readonly outboxId: string };

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

/** Whether a token of that purpose sets a password. */
const sets = (purpose: SQL): SQL => sql`${purpose} = any(${sql.param(settingPurposes)}::text[])`;

export type CredentialRepository = ReturnType<typeof createCredentialRepository>;

export const createCredentialRepository = (db: Database, { newId, gate }: Options) => ({
  /** The actor's own credential. */
  findOwn: async (
    ctx: SessionContext,
  ): Promise<{ refusal: Exclude<SessionRefusal, null> } | { refusal: null; credential: OwnCredential }> => {
    const [row] = await db.execute<CredentialRow & Gated & { updated_at: Date }>(
      ctx,
      sql`with ${gate.own(ctx)}
          select gate.refusal, u.id, u.email, u.username, u.password_hash, u.updated_at from gate join users u on u.id = gate.user_id`,
    );
    const refusal = refusalOf(row);
    return row && refusal === null
      ? { refusal, credential: { ...toCredential(row), updatedAt: row.updated_at } }
      : { refusal: refusal ?? 'session_revoked' };
  },

  /**
   * Replaces the actor's password, ends all sessions and what was asked for with the old one, and opens a session in
   * place of the actor's, so that no token from before outlives the change. Null where the session has ended or the
   * password has changed meanwhile.
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
      account: sql`select c.id from c`,
      reason: 'password_changed',
      ends: 'all',
    } as const;
    const event = { id: newId(now), type: 'password.changed', actor: sql`c.id`, subject: sql`c.id` } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockActor(gate, ctx),
      sql`
        with ${gate.own(ctx)}, c as (
          update users set password_hash = ${hash}, password_changed_at = ${now}, must_change_password = false,
            ${noResetSent}, updated_at = ${now}
          from gate where gate.refusal is null and users.id = gate.user_id and users.password_hash = ${before}
          returning users.*
        ), ${replaceSession(ctx, replacement)}, spent as (
          ${voidTokens(ctx, endedByNewPassword)}
        ), told as (
          ${insertMail(ctx, 'password_changed', outboxId, sql`select c.id as user_id, c.email as recipient from c`, originDetails(ctx))}
        ), audited as (
          ${insertAudit(ctx, event)} from c
        )
        select replaced.*, ${accountColumns} from c u, replaced`,
    ])) as [unknown, (AccountRow & SessionRow)[]];
    return row ? { session: toSession(row), account: toAccount(row) } : null;
  },

  /**
   * Writes a reset token and its mail if the address has an account and the last mail is a minute old. Requests from
   * networks that the account knows have a minute of their own. The account's row lock decides between parallel requests.
   * Writes an audit event in either case, so that the time of the statement does not tell whether there is an account.
   */
  forget: async (ctx: RequestContext, email: string, token: MailedToken): Promise<void> => {
    const event = {
      id: newId(ctx.now),
      type: 'password.reset_requested',
      actor: noOne,
      subject: sql`o.user_id`,
    } as const;
    const resetMail = {
      purpose: 'reset_password',
      template: 'reset_password',
      token,
      from: sql`select u.user_id, u.email from u`,
      details: askedTokenDetails(ctx, token.tokenId),
    } as const;
    await db.execute(
      ctx,
      sql`
        with u as (
          update users set
            reset_sent_at = case when known.is_familiar then reset_sent_at else ${ctx.now}::timestamptz end,
            familiar_reset_sent_at = case when known.is_familiar then ${ctx.now}::timestamptz else familiar_reset_sent_at end
          from (
            select k.id, ${isFamiliarNetwork(sql`k.id`, sql`${ctx.ip}::inet`)} as is_familiar from users k where k.email = ${email}
          ) known
          where users.id = known.id and users.email = ${email} and disabled_at is null
            and ${isDue(ctx, sql`case when known.is_familiar then familiar_reset_sent_at else reset_sent_at end`)}
          returning users.id as user_id, users.email
        ), ${mailToken(ctx, resetMail)}
        ${insertAudit(ctx, event)} from (select 1) always left join u o on true`,
    );
  },

  /** Whose password a reset token may set; null for a token that is used or expired. */
  findForReset: async (ctx: RequestContext, tokenId: string): Promise<Credential | null> => {
    const [row] = await db.execute<CredentialRow>(
      ctx,
      sql`
        select u.id, u.email, u.username, u.password_hash
        from one_time_tokens t join users u on u.id = t.user_id
        where t.id = ${tokenId} and ${sets(sql`t.purpose`)} and t.used_at is null and t.expires_at > ${ctx.now}
          and t.email = u.email and u.disabled_at is null`,
    );
    return row ? toCredential(row) : null;
  },

  /**
   * Uses up the token, sets the password, ends all sessions and what was asked for with the old one, and takes the
   * address as proved: the token came by it. Identities of which no provider has vouched for the address go: a stranger
   * may have brought them. So do the undo links of addresses that the account had only for a while. False where the token was used meanwhile; the account's lock decides races.
   */
  reset: async (ctx: RequestContext, tokenId: string, { hash, outboxId }: NewPassword): Promise<boolean> => {
    const { now } = ctx;
    const event = { id: newId(now), type: 'password.reset', actor: sql`c.id`, subject: sql`c.id` } as const;
    const [, rows] = (await db.transaction(ctx, [
      lockOwnerOf(tokenId),
      sql`
        with t as (
          update one_time_tokens set used_at = ${now}
          where id = ${tokenId} and ${sets(sql`purpose`)} and used_at is null and expires_at > ${now}
          returning user_id, email
        ), c as (
          update users set password_hash = ${hash}, password_changed_at = ${now}, must_change_password = false,
            email_verified_at = coalesce(users.email_verified_at, ${now}), familiar_since = ${now}, ${noResetSent}, updated_at = ${now}
          from t where users.id = t.user_id and users.email = t.email and users.disabled_at is null
          returning users.id, users.email
        ), ended as (
          update sessions s set revoked_at = ${now}, revoked_reason = 'password_changed'
          from c where s.user_id = c.id and s.revoked_at is null
        ), spent as (
          ${voidTokens(ctx, [...endedByNewPassword, 'verify_email'], sql`o.id <> ${tokenId}`)}
        ), ${unlinkIdentities(ctx, newId(now), sql`select c.id from c`, { which: sql`not ${vouchesFor(sql`i`, sql`(select c.email from c)`)}` })}, disowned as (
          ${voidUndos(ctx, sql`o.proved_at > o.created_at - ${establishedSeconds}::int * interval '1 second'`)}
        ), told as (
          ${insertMail(ctx, 'password_changed', outboxId, sql`select c.id as user_id, c.email as recipient from c`, originDetails(ctx))}
        ), audited as (
          ${insertAudit(ctx, event)} from c
        )
        select c.id from c`,
    ])) as [unknown, unknown[]];
    return rows.length > 0;
  },
});
