import { sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import { violatedUnique } from '../db/errors.ts';
import type { AuditEventType } from '../domain/audit-event.ts';
import { codePolicy, resendCooldownSeconds } from '../domain/one-time-token.ts';
import { type SessionRefusal, secondsAfter } from '../domain/session.ts';
import { insertAudit, noOne } from './audit-rows.ts';
import { type Gate, type Gated, refusalOf } from './gate.ts';
import { insertMail, insertToken, type MailedToken, tokenDetails } from './mail-rows.ts';

/** `void`: used, expired or unknown, which are one answer. */
export type ProofOutcome = 'done' | 'void' | 'email_taken';

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type EmailAddressRepository = ReturnType<typeof createEmailAddressRepository>;

/** The unique constraint decides who gets an address; the token stays good, as nothing was written. */
const takenOr = (error: unknown): 'email_taken' => {
  if (violatedUnique(error) === 'users_email_unique') return 'email_taken';
  throw error;
};

export const createEmailAddressRepository = (db: Database, { newId, gate }: Options) => {
  const auditOf = (ctx: RequestContext, type: AuditEventType) =>
    insertAudit(ctx, { id: newId(ctx.now), type, actor: sql`c.id`, subject: sql`c.id` });

  return {
    /** Takes the address as proved by a link. */
    verifyByToken: async (ctx: RequestContext, tokenId: string): Promise<ProofOutcome> => {
      const rows = await db.execute(
        ctx,
        sql`
          with t as (
            update one_time_tokens set used_at = ${ctx.now}
            where id = ${tokenId} and purpose = 'verify_email' and used_at is null and expires_at > ${ctx.now}
            returning user_id, email
          ), c as (
            update users set email_verified_at = coalesce(users.email_verified_at, ${ctx.now}), updated_at = ${ctx.now}
            from t where users.id = t.user_id and users.email = t.email
            returning users.id
          ), audited as (
            ${auditOf(ctx, 'email.verified')} from c
          )
          select c.id from c`,
      );
      return rows.length > 0 ? 'done' : 'void';
    },

    /**
     * Takes the address as proved by the code of its newest mail. Each try counts, right or wrong, under the lock
     * of the token's row, so that parallel guesses get no more tries than others.
     */
    verifyByCode: async (ctx: RequestContext, email: string, codeMac: string): Promise<ProofOutcome> => {
      const rows = await db.execute(
        ctx,
        sql`
          with t as (
            update one_time_tokens t set code_attempts = t.code_attempts + 1,
              used_at = case when t.code_mac = ${codeMac} then ${ctx.now}::timestamptz end
            where t.id = (select n.id from one_time_tokens n where n.email = ${email} and n.purpose = 'verify_email'
                          order by n.id desc limit 1)
              and t.used_at is null and t.code_expires_at > ${ctx.now} and t.code_attempts < ${codePolicy.maxAttempts}
            returning t.user_id, t.email, t.used_at
          ), c as (
            update users set email_verified_at = coalesce(users.email_verified_at, ${ctx.now}), updated_at = ${ctx.now}
            from t where t.used_at is not null and users.id = t.user_id and users.email = t.email
            returning users.id
          ), audited as (
            ${auditOf(ctx, 'email.verified')} from c
          )
          select c.id from c`,
      );
      return rows.length > 0 ? 'done' : 'void';
    },

    /**
     * Writes another verification token and its mail, if the address waits for one and the last is a minute old;
     * the account's row lock decides between parallel requests. Writes an audit event in either case, so that
     * its time tells nothing.
     */
    resend: async (ctx: RequestContext, email: string, token: MailedToken): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'email.verification_requested',
        actor: noOne,
        subject: sql`o.user_id`,
      } as const;
      await db.execute(
        ctx,
        sql`
          with u as (
            update users set verification_sent_at = ${ctx.now}
            where email = ${email} and email_verified_at is null and disabled_at is null
              and (verification_sent_at is null or verification_sent_at <= ${secondsAfter(ctx.now, -resendCooldownSeconds)})
            returning id as user_id, email
          ), t as (
            ${insertToken(ctx, 'verify_email', token, sql`select u.user_id, u.email from u`)}
          ), mailed as (
            ${insertMail(ctx, 'verify_email', token.outboxId, sql`select t.user_id, t.email as recipient from t`, tokenDetails(token.tokenId))}
          )
          ${insertAudit(ctx, event)} from (select 1) always left join u o on true`,
      );
    },

    /** Asks a new address to prove itself. An address that has an account is told so instead; the caller learns nothing. */
    requestChange: async (
      ctx: RequestContext,
      email: string,
      token: MailedToken,
    ): Promise<SessionRefusal> => {
      const event = {
        id: newId(ctx.now),
        type: 'email.change_requested',
        actor: sql`a.user_id`,
        subject: sql`a.user_id`,
      } as const;
      const [row] = await db.execute<Gated>(
        ctx,
        sql`
          with ${gate.own(ctx)}, a as (
            select gate.user_id from gate where gate.refusal is null
          ), owner as (
            select users.id as user_id, users.email as recipient from users, a where users.email = ${email}
          ), t as (
            ${insertToken(ctx, 'change_email', token, sql`select a.user_id, ${email}::text as email from a where not exists (select from owner)`)}
          ), mailed as (
            ${insertMail(ctx, 'verify_new_email', token.outboxId, sql`select t.user_id, t.email as recipient from t`, tokenDetails(token.tokenId))}
          ), told as (
            ${insertMail(ctx, 'account_exists', token.outboxId, sql`select owner.user_id, owner.recipient from owner`)}
          ), audited as (
            ${insertAudit(ctx, event)} from a
          )
          select gate.refusal from gate`,
      );
      return refusalOf(row);
    },

    /** Moves the account to the address that the token proves, and gives the old one a week to undo it. */
    confirmChange: async (
      ctx: RequestContext,
      tokenId: string,
      restore: MailedToken,
    ): Promise<ProofOutcome> => {
      try {
        const rows = await db.execute(
          ctx,
          sql`
            with t as (
              update one_time_tokens set used_at = ${ctx.now}
              where id = ${tokenId} and purpose = 'change_email' and used_at is null and expires_at > ${ctx.now}
              returning user_id, email
            ), old as (
              select users.id as user_id, users.email from users join t on t.user_id = users.id where users.disabled_at is null
            ), c as (
              update users set email = t.email, email_verified_at = ${ctx.now}, updated_at = ${ctx.now}
              from t join old on old.user_id = t.user_id where users.id = t.user_id
              returning users.id, users.email
            ), r as (
              ${insertToken(ctx, 'restore_email', restore, sql`select old.user_id, old.email from old`)}
            ), told as (
              ${insertMail(
                ctx,
                'email_changed',
                restore.outboxId,
                sql`select r.user_id, r.email as recipient, c.email as new_email from r, c`,
                sql`jsonb_build_object('token_id', ${restore.tokenId}::text, 'new_email', source.new_email)`,
              )}
            ), audited as (
              ${auditOf(ctx, 'email.changed')} from c
            )
            select c.id from c`,
        );
        return rows.length > 0 ? 'done' : 'void';
      } catch (error) {
        return takenOr(error);
      }
    },

    /**
     * Gives the account back to its old address: whoever changed it may have stolen it, so every session and
     * every other token of the account ends.
     */
    restore: async (ctx: RequestContext, tokenId: string): Promise<ProofOutcome> => {
      try {
        const rows = await db.execute(
          ctx,
          sql`
            with t as (
              update one_time_tokens set used_at = ${ctx.now}
              where id = ${tokenId} and purpose = 'restore_email' and used_at is null and expires_at > ${ctx.now}
              returning user_id, email
            ), c as (
              update users set email = t.email, email_verified_at = ${ctx.now}, updated_at = ${ctx.now}
              from t where users.id = t.user_id
              returning users.id
            ), ended as (
              update sessions s set revoked_at = ${ctx.now}, revoked_reason = 'email_restored'
              from c where s.user_id = c.id and s.revoked_at is null
            ), spent as (
              update one_time_tokens o set used_at = ${ctx.now}
              from c where o.user_id = c.id and o.used_at is null and o.id <> ${tokenId}
            ), audited as (
              ${auditOf(ctx, 'email.restored')} from c
            )
            select c.id from c`,
        );
        return rows.length > 0 ? 'done' : 'void';
      } catch (error) {
        return takenOr(error);
      }
    },
  };
};
