import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import { violatedUnique } from '../db/errors.ts';
import { codePolicy } from '../domain/one-time-token.ts';
import type { SignUpAttempt } from '../domain/sign-up.ts';
import { lockAccountOf, lockOwnerOf } from './account-lock.ts';
import { insertAudit, noOne } from './audit-rows.ts';
import { unlinkIdentities } from './identity-rows.ts';
import {
  askedTokenDetails,
  insertToken,
  isDue,
  type MailedToken,
  mailToken,
  voidTokens,
  withoutCredentials,
} from './mail-rows.ts';
import { isOver } from './session-rows.ts';
import { isUnclaimed } from './unclaimed.ts';

/** `void`: used, expired or unknown, which are one answer. `done` tells by what the account logs in. */
export type ProofOutcome =
  | { readonly kind: 'done'; readonly email: string; readonly username: string | null }
  | { readonly kind: 'void' }
  | { readonly kind: 'email_taken' };

/**
 * `password_required`: the proof came from elsewhere than the account's password, or the account has none. The token of
 * the request now sets one. Without `proved` the address is not taken as proved before that.
 */
export type AddressOutcome = ProofOutcome | { readonly kind: 'password_required'; readonly proved: boolean };

/** What a proof of the own address comes with. */
export type Proof = {
  /** What the request's browser has signed up, if anything. */
  readonly attempt: SignUpAttempt | null;
  /** The id of a token that sets a password, in case one is needed. */
  readonly resetTokenId: string;
};

/**
 * What follows from a proof. `claimed`: the attempt's password becomes the account's. `bound`: whoever proves the address
 * also has the account. `bare`: nobody has anything of it yet. `foreign`: somebody else may have.
 */
type ProvedRow = { kind: 'claimed' | 'bound' | 'bare' | 'foreign'; email: string; username: string | null };

type Options = { readonly newId: (now: Date) => string };

export type EmailAddressRepository = ReturnType<typeof createEmailAddressRepository>;

export const createEmailAddressRepository = (db: Database, { newId }: Options) => {
  /** Which of the four it is for the account `u`, whose address the token `n` proves. */
  const kindOf = ({ now, actor }: RequestContext, attempt: SignUpAttempt | null): SQL => sql`
    case
      when n.email = ${attempt?.email ?? null}::text and ${isUnclaimed(sql`u`)} then 'claimed'
      when u.email_verified_at is not null
        or n.email = ${attempt?.email ?? null}::text and u.password_hash = ${attempt?.passwordHash ?? null}::text
        or exists (select from sessions s where s.id = ${actor?.sessionId ?? null} and s.user_id = u.id and not ${isOver(sql`s`, now)})
        then 'bound'
      when u.password_hash is null and not exists (select from identities i where i.user_id = u.id) then 'bare'
      else 'foreign'
    end`;

  /**
   * Uses up the token that the statement has as `n`, where `n.is_right`, and takes the address as proved; a foreign
   * account is left as it is, and the token good for its own browser. A claim takes away the identities from before.
   */
  const accept = (
    ctx: RequestContext,
    { attempt, resetTokenId }: Proof,
    { tries, withName }: { tries: 0 | 1; withName: boolean },
  ): SQL => {
    const event = {
      id: newId(ctx.now),
      type: 'email.verified',
      actor: sql`c.id`,
      subject: sql`c.id`,
    } as const;
    const asked = {
      id: newId(ctx.now),
      type: 'password.reset_requested',
      actor: noOne,
      subject: sql`r.user_id`,
    } as const;
    const reset = { tokenId: resetTokenId, codeMac: null };
    const { now } = ctx;
    return sql`
      verdict as (
        select n.id, n.is_right, ${kindOf(ctx, attempt)} as kind
        from n join users u on u.id = n.user_id and u.email = n.email
      ), tried as (
        update one_time_tokens o set code_attempts = o.code_attempts + ${tries}::int,
          used_at = case when verdict.is_right and verdict.kind <> 'foreign' then ${now}::timestamptz end, ${withoutCredentials}
        from verdict where o.id = verdict.id and o.used_at is null
        returning o.id, o.user_id, o.email, verdict.is_right, verdict.kind
      ), t as (
        select * from tried where is_right
      ), chosen as (
        select t.user_id, ${attempt?.passwordHash ?? null}::text as password_hash,
          case when ${withName}::boolean and not exists (select from users o where o.username = ${attempt?.username ?? null})
            then ${attempt?.username ?? null}::text end as username
        from t where t.kind = 'claimed'
      ), c as (
        update users set email_verified_at = coalesce(users.email_verified_at, ${now}), updated_at = ${now},
          password_hash = coalesce(chosen.password_hash, users.password_hash),
          password_changed_at = case when chosen.password_hash is null then users.password_changed_at else ${now}::timestamptz end,
          username = coalesce(users.username, chosen.username)
        from t left join chosen on true
        where users.id = t.user_id and t.kind <> 'foreign'
        returning users.id, users.email, users.username
      ), ${unlinkIdentities(ctx, newId(now), sql`select chosen.user_id from chosen`)}, ended as (
        update sessions s set revoked_at = ${now}, revoked_reason = 'password_changed'
        from t where s.user_id = t.user_id and t.kind in ('claimed', 'bare') and s.revoked_at is null
      ), spent as (
        ${voidTokens(ctx, ['verify_email'], sql`(select t.id from t)`)}
      ), r as (
        ${insertToken(ctx, 'reset_password', reset, sql`select t.user_id, t.email from t where t.kind in ('bare', 'foreign')`)}
      ), audited as (
        ${insertAudit(ctx, event)} from c
      ), audited_reset as (
        ${insertAudit(ctx, asked)} from r
      )
      select t.kind, t.email, c.username from t left join c on true`;
  };

  const outcomeOf = (row: ProvedRow | undefined): AddressOutcome => {
    switch (row?.kind) {
      case undefined:
        return { kind: 'void' };
      case 'claimed':
      case 'bound':
        return { kind: 'done', email: row.email, username: row.username };
      case 'bare':
      case 'foreign':
        return { kind: 'password_required', proved: row.kind === 'bare' };
    }
  };

  /** A user name that another account takes at the same moment is left out: the address is proved all the same. */
  const prove = async (
    ctx: RequestContext,
    proof: Proof,
    { lock, token, tries }: { lock: SQL; token: SQL; tries: 0 | 1 },
  ): Promise<AddressOutcome> => {
    const run = (withName: boolean) =>
      db.transaction(ctx, [lock, sql`with n as (${token}), ${accept(ctx, proof, { tries, withName })}`]);
    const [, [row]] = (await run(true).catch((error: unknown) => {
      if (violatedUnique(error) === 'users_username_unique') return run(false);
      throw error;
    })) as [unknown, ProvedRow[]];
    return outcomeOf(row);
  };

  return {
    /** Takes the address as proved by a link. */
    verifyByToken: (ctx: RequestContext, tokenId: string, proof: Proof): Promise<AddressOutcome> =>
      prove(ctx, proof, {
        lock: lockOwnerOf(tokenId),
        token: sql`
          select n.id, n.user_id, n.email, true as is_right from one_time_tokens n
          where n.id = ${tokenId} and n.purpose = 'verify_email' and n.used_at is null and n.expires_at > ${ctx.now}`,
        tries: 0,
      }),

    /**
     * Takes the address as proved by the code of its newest mail. Each try counts, right or wrong, under the lock
     * of the account, so that parallel guesses get no more tries than others.
     */
    verifyByCode: (
      ctx: RequestContext,
      { email, codeMac }: { email: string; codeMac: string },
      proof: Proof,
    ): Promise<AddressOutcome> =>
      prove(ctx, proof, {
        lock: lockAccountOf(email),
        token: sql`
          select n.id, n.user_id, n.email, n.code_mac = ${codeMac} as is_right from one_time_tokens n
          where n.id = (select m.id from one_time_tokens m where m.email = ${email} and m.purpose = 'verify_email'
                        order by m.id desc limit 1)
            and n.used_at is null and n.code_expires_at > ${ctx.now} and n.code_attempts < ${codePolicy.maxAttempts}`,
        tries: 1,
      }),

    /**
     * Writes another verification token and its mail, if the address waits for one and the last is a minute old;
     * the account's row lock decides between parallel requests. Writes an audit event in either case, so that its time
     * tells nothing.
     */
    resend: async (ctx: RequestContext, email: string, token: MailedToken): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'email.verification_requested',
        actor: noOne,
        subject: sql`o.user_id`,
      } as const;
      const waiting = {
        purpose: 'verify_email',
        template: 'verify_email',
        token,
        from: sql`select u.user_id, u.email from u`,
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
