import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import { violatedUnique } from '../db/errors.ts';
import { codePolicy } from '../domain/one-time-token.ts';
import { lockAccountOf, lockOwnerOf } from './account-lock.ts';
import { insertAudit, noOne } from './audit-rows.ts';
import { unlinkIdentities } from './identity-rows.ts';
import { askedTokenDetails, isDue, type MailedToken, mailToken, voidTokens } from './mail-rows.ts';
import { isUnclaimed } from './unclaimed.ts';

/** `void`: used, expired or unknown, which are one answer. `done` tells by what the account logs in. */
export type ProofOutcome =
  | { readonly kind: 'done'; readonly email: string; readonly username: string | null }
  | { readonly kind: 'void' }
  | { readonly kind: 'email_taken' };

type ProvedRow = { email: string; username: string | null };

type Options = { readonly newId: (now: Date) => string };

export type EmailAddressRepository = ReturnType<typeof createEmailAddressRepository>;

export const createEmailAddressRepository = (db: Database, { newId }: Options) => {
  /**
   * Takes the address as proved by the token that the statement has as `t`, ends the other tokens of the kind, and
   * makes the password and the user name that waited with it the account's, if nobody has proved to own it before. Then
   * the account is theirs who chose them, and identities and sessions from before go.
   */
  const accept = (ctx: RequestContext, withName: boolean): SQL => {
    const event = {
      id: newId(ctx.now),
      type: 'email.verified',
      actor: sql`c.id`,
      subject: sql`c.id`,
    } as const;
    return sql`
      claim as (
        select t.password_hash,
          case when ${withName}::boolean and not exists (select from users o where o.username = t.username) then t.username end as username
        from t join users u on u.id = t.user_id
        where t.password_hash is not null and ${isUnclaimed(sql`u`)}
      ), c as (
        update users set email_verified_at = coalesce(users.email_verified_at, ${ctx.now}), updated_at = ${ctx.now},
          password_hash = coalesce(claim.password_hash, users.password_hash),
          password_changed_at = case when claim.password_hash is null then users.password_changed_at else ${ctx.now}::timestamptz end,
          username = coalesce(users.username, claim.username)
        from t left join claim on true
        where users.id = t.user_id and users.email = t.email
        returning users.id, users.email, users.username
      ), ${unlinkIdentities(ctx, newId(ctx.now), sql`select t.user_id from t, claim`)}, ended as (
        update sessions s set revoked_at = ${ctx.now}, revoked_reason = 'password_changed'
        from t, claim where s.user_id = t.user_id and s.revoked_at is null
      ), spent as (
        ${voidTokens(ctx, ['verify_email'], sql`(select t.id from t)`)}
      ), audited as (
        ${insertAudit(ctx, event)} from c
      )
      select c.email, c.username from c`;
  };

  /** A user name that another account takes at the same moment is left out: the address is proved all the same. */
  const prove = async (ctx: RequestContext, lock: SQL, token: SQL): Promise<ProofOutcome> => {
    const run = (withName: boolean) =>
      db.transaction(ctx, [lock, sql`with ${token}, ${accept(ctx, withName)}`]);
    const [, [row]] = (await run(true).catch((error: unknown) => {
      if (violatedUnique(error) === 'users_username_unique') return run(false);
      throw error;
    })) as [unknown, ProvedRow[]];
    return row ? { kind: 'done', ...row } : { kind: 'void' };
  };

  return {
    /** Takes the address as proved by a link. */
    verifyByToken: (ctx: RequestContext, tokenId: string): Promise<ProofOutcome> =>
      prove(
        ctx,
        lockOwnerOf(tokenId),
        // The row as it was is joined, as what the update returns is what it has left.
        sql`t as (
          update one_time_tokens t set used_at = ${ctx.now}, password_hash = null, username = null
          from one_time_tokens o
          where t.id = ${tokenId} and o.id = t.id and t.purpose = 'verify_email' and t.used_at is null and t.expires_at > ${ctx.now}
          returning t.id, t.user_id, t.email, o.password_hash, o.username
        )`,
      ),

    /**
     * Takes the address as proved by the code of its newest mail. Each try counts, right or wrong, under the lock
     * of the account, so that parallel guesses get no more tries than others.
     */
    verifyByCode: (ctx: RequestContext, email: string, codeMac: string): Promise<ProofOutcome> =>
      prove(
        ctx,
        lockAccountOf(email),
        sql`guess as (
          update one_time_tokens t set code_attempts = t.code_attempts + 1,
            used_at = case when t.code_mac = ${codeMac} then ${ctx.now}::timestamptz end,
            password_hash = case when t.code_mac = ${codeMac} then null else t.password_hash end,
            username = case when t.code_mac = ${codeMac} then null else t.username end
          from one_time_tokens o
          where t.id = (select n.id from one_time_tokens n where n.email = ${email} and n.purpose = 'verify_email'
                        order by n.id desc limit 1)
            and o.id = t.id
            and t.used_at is null and t.code_expires_at > ${ctx.now} and t.code_attempts < ${codePolicy.maxAttempts}
          returning t.id, t.user_id, t.email, t.used_at, o.password_hash, o.username
        ), t as (
          select * from guess where used_at is not null
        )`,
      ),

    /**
     * Writes another verification token and its mail, if the address waits for one and the last is a minute old;
     * the account's row lock decides between parallel requests. What waits with the newest token is passed on. Writes
     * an audit event in either case, so that its time tells nothing.
     */
    resend: async (ctx: RequestContext, email: string, token: MailedToken): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'email.verification_requested',
        actor: noOne,
        subject: sql`o.user_id`,
      } as const;
      const source = sql`
        select u.user_id, u.email, n.password_hash, n.username
        from u left join lateral (
          select * from one_time_tokens n
          where n.user_id = u.user_id and n.purpose = 'verify_email' and n.email = u.email order by n.id desc limit 1
        ) n on true`;
      const waiting = {
        purpose: 'verify_email',
        template: 'verify_email',
        token,
        from: source,
        credentials: sql`source.password_hash, source.username`,
        details: askedTokenDetails(ctx, token.tokenId),
      } as const;
      await db.execute(
        ctx,
        sql`
          with u as (
            update users set verification_sent_at = ${ctx.now}
            where email = ${email} and email_verified_at is null and disabled_at is null
              and ${isDue(ctx, sql`verification_sent_at`)}
            returning id as user_id, email
          ), ${mailToken(ctx, waiting)}
          ${insertAudit(ctx, event)} from (select 1) always left join u o on true`,
      );
    },
  };
};
