import { sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import type { AuditEventType } from '../domain/audit-event.ts';
import { codePolicy } from '../domain/one-time-token.ts';
import { insertAudit, noOne } from './audit-rows.ts';
import { insertMail, insertToken, isDue, type MailedToken, tokenDetails } from './mail-rows.ts';

/** `void`: used, expired or unknown, which are one answer. `done` tells by what the account logs in. */
export type ProofOutcome =
  | { readonly kind: 'done'; readonly email: string; readonly username: string | null }
  | { readonly kind: 'void' | 'email_taken' };

type Options = { readonly newId: (now: Date) => string };

export type EmailAddressRepository = ReturnType<typeof createEmailAddressRepository>;

export const createEmailAddressRepository = (db: Database, { newId }: Options) => {
  const auditOf = (ctx: RequestContext, type: AuditEventType) =>
    insertAudit(ctx, { id: newId(ctx.now), type, actor: sql`c.id`, subject: sql`c.id` });

  return {
    /** Takes the address as proved by a link. */
    verifyByToken: async (ctx: RequestContext, tokenId: string): Promise<ProofOutcome> => {
      const rows = await db.execute<{ email: string; username: string | null }>(
        ctx,
        sql`
          with t as (
            update one_time_tokens set used_at = ${ctx.now}
            where id = ${tokenId} and purpose = 'verify_email' and used_at is null and expires_at > ${ctx.now}
            returning user_id, email
          ), c as (
            update users set email_verified_at = coalesce(users.email_verified_at, ${ctx.now}), updated_at = ${ctx.now}
            from t where users.id = t.user_id and users.email = t.email
            returning users.id, users.email, users.username
          ), audited as (
            ${auditOf(ctx, 'email.verified')} from c
          )
          select c.email, c.username from c`,
      );
      const [row] = rows;
      return row ? { kind: 'done', ...row } : { kind: 'void' };
    },

    /**
     * Takes the address as proved by the code of its newest mail. Each try counts, right or wrong, under the lock
     * of the token's row, so that parallel guesses get no more tries than others.
     */
    verifyByCode: async (ctx: RequestContext, email: string, codeMac: string): Promise<ProofOutcome> => {
      const rows = await db.execute<{ email: string; username: string | null }>(
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
            returning users.id, users.email, users.username
          ), audited as (
            ${auditOf(ctx, 'email.verified')} from c
          )
          select c.email, c.username from c`,
      );
      const [row] = rows;
      return row ? { kind: 'done', ...row } : { kind: 'void' };
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
              and ${isDue(ctx, sql`verification_sent_at`)}
            returning id as user_id, email
          ), t as (
            ${insertToken(ctx, 'verify_email', token, sql`select u.user_id, u.email from u`)}
          ), mailed as (
            ${insertMail(ctx, 'verify_email', token.outboxId, sql`select t.user_id, t.email as recipient from t`, tokenDetails(token.tokenId))}
          )
          ${insertAudit(ctx, event)} from (select 1) always left join u o on true`,
      );
    },
  };
};
