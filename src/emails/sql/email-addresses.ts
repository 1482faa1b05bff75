import { type SQL, sql } from 'drizzle-orm';
import type { SignUpAttempt } from '../../accounts/rules/sign-up.ts';
import { lockAccountOf, lockOwnerOf } from '../../accounts/sql/account-lock.ts';
import { isUnclaimed } from '../../accounts/sql/taken-addresses.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import {
  askedTokenDetails,
  insertToken,
  isDue,
  type MailedToken,
  mailToken,
  voidTokens,
  withoutCredentials,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { unlinkIdentities } from '../../sso/sql/identity-rows.ts';
import { codePolicy, endedByNewPassword } from '../rules.ts';

export type Proved<Kind extends string> = {
  readonly kind: Kind;
  readonly userId: string;
  readonly email: string;
  readonly username: string | null;
};

/** `void`: used, expired or unknown, which are one answer. `done` tells by what the account logs in. */
export type ProofOutcome =
  | Proved<'done'>
  | { readonly kind: 'void' }
  /** `freeToAsker`: a session of the account that asked for the address would get it. */
  | { readonly kind: 'email_taken'; readonly freeToAsker: boolean };

/**
 * `claimed`: the password of the request's sign-up is the account's now. `password_required`: the account has none, and
 * the token of the request sets one.
 */
export type AddressOutcome = ProofOutcome | Proved<'claimed'> | { readonly kind: 'password_required' };

/** What a proof of the own address comes with. */
export type Proof = {
  /** What the request's browser has signed up, if anything. */
  readonly attempt: SignUpAttempt | null;
  /** The id of a token that sets a password, in case one is needed. */
  readonly resetTokenId: string;
};

/**
 * What follows from a proof. `claimed`: the attempt's password becomes the account's. `bare`: nobody has anything of the
 * account yet, and the attempt is not for it. `bound`: the account is as it was, but verified.
 */
type ProvedRow = {
  kind: 'claimed' | 'bare' | 'bound';
  user_id: string;
  email: string;
  username: string | null;
};

/** A code counts its tries. */
type ProvedBy = 'link' | 'code';

type Options = { readonly newId: (now: Date) => string };

export type EmailAddressRepository = ReturnType<typeof createEmailAddressRepository>;

export const createEmailAddressRepository = (db: Database, { newId }: Options) => {
  /** Which of the three it is for the account `u`, whose address the token `n` proves. */
  const kindOf = (attempt: SignUpAttempt | null): SQL => sql`
    case
      when n.email = ${attempt?.email ?? null}::text and ${isUnclaimed(sql`u`)} then 'claimed'
      when u.password_hash is null and u.email_verified_at is null
        and not exists (select from identities i where i.user_id = u.id) then 'bare'
      else 'bound'
    end`;

  /**
   * Uses up the token that the statement has as `n`, where `n.is_right`, and takes the address as proved. A claim takes
   * away the identities from before, and every link that could set another password.
   */
  const accept = (
    ctx: RequestContext,
    { attempt, resetTokenId }: Proof,
    { by, withName }: { by: ProvedBy; withName: boolean },
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
    const refused = {
      id: newId(ctx.now),
      type: 'email.code_refused',
      actor: noOne,
      subject: sql`o.user_id`,
    } as const;
    const { now } = ctx;
    return sql`
      verdict as (
        select n.id, n.is_right, ${kindOf(attempt)} as kind
        from n join users u on u.id = n.user_id and u.email = n.email
      ), tried as (
        update one_time_tokens o set code_attempts = o.code_attempts + ${by === 'code' ? 1 : 0}::int,
          used_at = case when verdict.is_right then ${now}::timestamptz end, ${withoutCredentials}
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
          familiar_since = case when t.kind in ('claimed', 'bare') then ${now}::timestamptz else users.familiar_since end,
          password_hash = coalesce(chosen.password_hash, users.password_hash),
          password_changed_at = case when chosen.password_hash is null then users.password_changed_at else ${now}::timestamptz end,
          username = coalesce(users.username, chosen.username)
        from t left join chosen on true
        where users.id = t.user_id
        returning users.id, users.email, users.username, t.id as token_id, t.kind
      ), ${unlinkIdentities(ctx, newId(now), sql`select chosen.user_id from chosen`)}, ended as (
        update sessions s set revoked_at = ${now}, revoked_reason = 'password_changed'
        from t where s.user_id = t.user_id and t.kind in ('claimed', 'bare') and s.revoked_at is null
      ), spent as (
        ${voidTokens(ctx, ['verify_email', ...endedByNewPassword], sql`o.id <> c.token_id and (o.purpose = 'verify_email' or c.kind <> 'bound')`)}
      ), r as (
        ${insertToken(ctx, 'reset_password', reset, sql`select t.user_id, t.email from t where t.kind = 'bare'`)}
      ), audited as (
        ${insertAudit(ctx, event)} from c
      ), audited_reset as (
        ${insertAudit(ctx, asked)} from r
      ), audited_refusal as (
        ${insertAudit(ctx, refused)} from (select 1) always left join tried o on true
        where ${by === 'code'}::boolean and not exists (select from t)
      )
      select t.kind, t.user_id, t.email, c.username from t left join c on true`;
  };

  const outcomeOf = (row: ProvedRow | undefined): AddressOutcome => {
    if (!row) return { kind: 'void' };
    if (row.kind === 'bare') return { kind: 'password_required' };
    const { kind, user_id: userId, email, username } = row;
    return { kind: kind === 'claimed' ? 'claimed' : 'done', userId, email, username };
  };

  /** A user name that another account takes at the same moment is left out: the address is proved all the same. */
  const prove = async (
    ctx: RequestContext,
    proof: Proof,
    { lock, token, by }: { lock: SQL; token: SQL; by: ProvedBy },
  ): Promise<AddressOutcome> => {
    const run = (withName: boolean) =>
      db.transaction(ctx, [lock, sql`with n as (${token}), ${accept(ctx, proof, { by, withName })}`]);
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
        by: 'link',
      }),

    /**
     * Takes the address as proved by the code of its newest mail. Each try counts, right or wrong, under the lock
     * of the account, so that parallel guesses get no more tries than others. A refusal is an event in any case, so
     * that its time does not tell whether there was a code to try.
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
        by: 'code',
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
        details: sql`${askedTokenDetails(ctx, token.tokenId)}
          || jsonb_build_object('completes_sign_up', (select u.is_unclaimed from u))`,
      } as const;
      await db.execute(
        ctx,
        sql`
          with u as (
            update users set verification_sent_at = ${ctx.now}
            where email = ${email} and email_verified_at is null and disabled_at is null
              and ${isDue(ctx, sql`verification_sent_at`)}
            returning id as user_id, email, ${isUnclaimed(sql`users`)} as is_unclaimed
          ), ${mailToken(ctx, waiting)}
          ${insertAudit(ctx, event)} from (select 1) always left join u o on true`,
      );
    },
  };
};
