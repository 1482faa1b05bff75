import { sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import { violatedUnique } from '../db/errors.ts';
import type { AuditEventType } from '../domain/audit-event.ts';
import { allPurposes } from '../domain/one-time-token.ts';
import type { SessionRefusal } from '../domain/session.ts';
import { lockActorAndAccountOf, lockOwnerOf } from './account-lock.ts';
import { insertAudit } from './audit-rows.ts';
import type { ProofOutcome } from './email-addresses.ts';
import { type Gate, refusalOf } from './gate.ts';
import { unlinkIdentities } from './identity-rows.ts';
import { insertMail, insertToken, isDue, type MailedToken, mailToken, voidTokens } from './mail-rows.ts';

export type ChangeRequest = {
  readonly email: string;
  /** Of the password that was proved. */
  readonly passwordHash: string;
  readonly token: MailedToken;
  /** The mail to the address that the account has. */
  readonly noticeId: string;
};

/** The unique constraint decides who gets an address; the token stays good, as nothing was written. */
const takenOr = (error: unknown): ProofOutcome => {
  if (violatedUnique(error) === 'users_email_unique') return { kind: 'email_taken' };
  throw error;
};

type ProvedRow = { email: string; username: string | null };
const toOutcome = ([row]: readonly ProvedRow[]): ProofOutcome =>
  row ? { kind: 'done', ...row } : { kind: 'void' };

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type EmailChangeRepository = ReturnType<typeof createEmailChangeRepository>;

/** Moving an account to another address, and back. */
export const createEmailChangeRepository = (db: Database, { newId, gate }: Options) => {
  const auditOf = (ctx: RequestContext, type: AuditEventType) =>
    insertAudit(ctx, { id: newId(ctx.now), type, actor: sql`c.id`, subject: sql`c.id` });

  return {
    /**
     * Asks a new address to prove itself, instead of any that was asked before, and tells the one that the account
     * has. An address that has an account is told so instead; the caller learns nothing, nor does the old address.
     * @returns `conflict` where the password was changed meanwhile
     */
    request: async (
      ctx: RequestContext,
      { email, passwordHash, token, noticeId }: ChangeRequest,
    ): Promise<SessionRefusal | 'conflict'> => {
      const asked = sql`jsonb_build_object('new_email', ${email}::text, 'ip', ${ctx.ip}::text, 'user_agent', ${ctx.userAgent}::text)`;
      const proof = {
        purpose: 'change_email',
        template: 'verify_new_email',
        token,
        from: sql`select c.id as user_id, ${email}::text as email from c where not exists (select from owner)`,
      } as const;
      const [, [row]] = (await db.transaction(ctx, [
        lockActorAndAccountOf(gate, ctx, email),
        sql`
          with ${gate.own(ctx)}, c as (
            select u.id, u.email from gate join users u on u.id = gate.user_id
            where gate.refusal is null and u.password_hash = ${passwordHash}
          ), owner as (
            select users.id from users, c where users.email = ${email}
          ), reminded as (
            update users set exists_notice_sent_at = ${ctx.now}
            from owner where users.id = owner.id and ${isDue(ctx, sql`users.exists_notice_sent_at`)}
            returning users.id as user_id, users.email as recipient
          ), voided as (
            ${voidTokens(ctx, ['change_email'])}
          ), ${mailToken(ctx, proof)}, told_owner as (
            ${insertMail(ctx, 'account_exists', token.outboxId, sql`select reminded.user_id, reminded.recipient from reminded`)}
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

    /** Moves the account to the address that the token proves, and gives the old one a week to undo it. */
    confirm: async (ctx: RequestContext, tokenId: string, restore: MailedToken): Promise<ProofOutcome> => {
      const changed = sql`jsonb_build_object('token_id', ${restore.tokenId}::text, 'new_email', source.new_email)`;
      try {
        const [, rows] = (await db.transaction(ctx, [
          lockOwnerOf(tokenId),
          sql`
            with t as (
              update one_time_tokens set used_at = ${ctx.now}
              where id = ${tokenId} and purpose = 'change_email' and used_at is null and expires_at > ${ctx.now}
              returning user_id, email
            ), old as (
              select users.id as user_id, users.email from users join t on t.user_id = users.id where users.disabled_at is null
            ), c as (
              update users set email = t.email, email_verified_at = ${ctx.now}, reset_sent_at = null, updated_at = ${ctx.now}
              from t join old on old.user_id = t.user_id where users.id = t.user_id
              returning users.id, users.email, users.username
            ), unvouched as (
              -- What a provider has said was of the old address.
              update identities i set vouched = false from c where i.user_id = c.id
            ), r as (
              ${insertToken(ctx, 'restore_email', restore, sql`select old.user_id, old.email from old`)}
            ), told as (
              ${insertMail(ctx, 'email_changed', restore.outboxId, sql`select r.user_id, r.email as recipient, c.email as new_email from r, c`, changed)}
            ), audited as (
              ${auditOf(ctx, 'email.changed')} from c
            )
            select c.email, c.username from c`,
        ])) as [unknown, ProvedRow[]];
        return toOutcome(rows);
      } catch (error) {
        return takenOr(error);
      }
    },

    /**
     * Gives the account back to its old address: whoever changed it may have stolen it, so every session and
     * every other token of the account ends, and every identity that was linked since then.
     */
    restore: async (ctx: RequestContext, tokenId: string): Promise<ProofOutcome> => {
      try {
        const [, rows] = (await db.transaction(ctx, [
          lockOwnerOf(tokenId),
          sql`
            with t as (
              update one_time_tokens set used_at = ${ctx.now}
              where id = ${tokenId} and purpose = 'restore_email' and used_at is null and expires_at > ${ctx.now}
              returning user_id, email, created_at
            ), c as (
              update users set email = t.email, email_verified_at = ${ctx.now}, reset_sent_at = null, updated_at = ${ctx.now}
              from t where users.id = t.user_id
              returning users.id, users.email, users.username
            ), ended as (
              update sessions s set revoked_at = ${ctx.now}, revoked_reason = 'email_restored'
              from c where s.user_id = c.id and s.revoked_at is null
            ), ${unlinkIdentities(ctx, newId(ctx.now), sql`select c.id from c`, { which: sql`i.created_at >= (select t.created_at from t)` })}, spent as (
              ${voidTokens(ctx, allPurposes, sql`${tokenId}`)}
            ), audited as (
              ${auditOf(ctx, 'email.restored')} from c
            )
            select c.email, c.username from c`,
        ])) as [unknown, ProvedRow[]];
        return toOutcome(rows);
      } catch (error) {
        return takenOr(error);
      }
    },
  };
};
