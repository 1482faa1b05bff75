import { type SQL, sql } from 'drizzle-orm';
import type { SignUpAttempt } from '../../accounts/rules/sign-up.ts';
import { lockAccountOf, lockOwnerOf } from '../../accounts/sql/account-lock.ts';
import { isUnclaimed } from '../../accounts/sql/taken-addresses.ts';
import type { AuditEventType } from '../../audit/rules.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { LockedBy } from '../../login-guard/rules/login-ledger.ts';
import {
  askedTokenDetails,
  insertMail,
  insertToken,
  isDue,
  type MailedToken,
  mailToken,
  originDetails,
  voidTokens,
  withoutCredentials,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { changedAccounts } from '../../sessions/sql/changed-accounts.ts';
import type { StatementParts } from '../../sessions/sql/gate.ts';
import { takesBack } from '../../sessions/sql/session-rows.ts';
import { unlinkIdentities } from '../../sso/sql/identity-rows.ts';
import { codePolicy, endedByNewPassword, repeatSeconds } from '../rules.ts';
import { succeededTokens } from './repeated-use.ts';

export type Proved<Kind extends string> = {
  readonly kind: Kind;
  readonly userId: string;
  readonly email: string;
  readonly username: string | null;
  /** Whether the token had succeeded before, so that nothing was written (docs/adr/0032). */
  readonly isRepeat: boolean;
};

/** `void`: voided, expired and unknown tokens get one answer. `done` has the names that the account logs in with. */
export type ProofOutcome =
  | Proved<'done'>
  | { readonly kind: 'void' }
  /** `freeToAsker`: a session of the account that asked for the address would get it. */
  | { readonly kind: 'email_taken'; readonly freeToAsker: boolean };

/**
 * `claimed`: the account has the password of the request's sign-up now. `password_required`: the account has none, and
 * a reset token sets one. `superseded`: the right code of a mail that is not the newest.
 */
export type AddressOutcome =
  | ProofOutcome
  | Proved<'claimed'>
  | { readonly kind: 'password_required'; readonly resetTokenId: string; readonly isRepeat: boolean }
  | { readonly kind: 'superseded' };

/** What comes with a proof of the account's own address. */
export type Proof = {
  /** The sign-up of the request's browser. */
  readonly attempt: SignUpAttempt | null;
  /** The id of a token that sets a password, in case one is needed. */
  readonly resetTokenId: string;
};

/**
 * `claimed`: the attempt's password becomes the account's. `bare`: the account has nothing that anybody could log in
 * with, and the attempt is not for it. `bound`: the account stays as it is, but verified.
 */
type ProvedRow = {
  kind: 'claimed' | 'bare' | 'bound';
  user_id: string;
  email: string;
  username: string | null;
  is_repeat: boolean;
  /** Of a bare account. */
  reset_token_id: string | null;
};

type Row = ProvedRow | { kind: 'superseded' };

/** What a request presents. A code counts its tries. */
type Presented = {
  readonly by: 'link' | 'code';
  /** Locks the account. */
  readonly lock: SQL;
  /** Yields the token while it can be used. */
  readonly token: SQL;
  /** Which tokens that have succeeded it presents once more. */
  readonly repeated: SQL;
  /** Whether it is the code of an older mail. */
  readonly isSuperseded: SQL;
};

const toOutcome = (row: Row | undefined): AddressOutcome => {
  if (!row) return { kind: 'void' };
  if (row.kind === 'superseded') return { kind: 'superseded' };
  const { kind, user_id: userId, email, username, is_repeat: isRepeat, reset_token_id: resetTokenId } = row;
  if (kind === 'bare' && resetTokenId !== null) return { kind: 'password_required', resetTokenId, isRepeat };
  return { kind: kind === 'claimed' ? 'claimed' : 'done', userId, email, username, isRepeat };
};

/** The kind of a `ProvedRow`, for the account whose address the token proves. */
const kindOf = (attempt: SignUpAttempt | null, { token, account }: { token: SQL; account: SQL }): SQL => sql`
  case
    when ${token}.email = ${attempt?.email ?? null}::text and ${isUnclaimed(account)} then 'claimed'
    when ${account}.password_hash is null and ${account}.email_verified_at is null
      and not exists (select from identities identity where identity.user_id = ${account}.id) then 'bare'
    else 'bound'
  end`;

export const createEmailAddressSql = ({ db, newId }: Pick<StatementParts, 'db' | 'newId'>) => {
  /**
   * Uses up the token that `token` yields, if its `is_right` is true, and takes its address as proved. A claim also
   * ends the identities from before, and every link that could set another password. For a token that has succeeded
   * before, it writes nothing; the reset token of that success is told for some seconds only, because a used link in a
   * history must set no password. A browser that signed up with the address and another password is not told of a
   * success, for its password is not the account's.
   */
  const accept = (
    ctx: RequestContext,
    { by, token, repeated, isSuperseded }: Presented,
    { attempt, resetTokenId }: Proof,
    withName: boolean,
  ): SQL => {
    const { now } = ctx;
    const reset = { tokenId: resetTokenId, codeMac: null };
    const bare = sql`select proved.user_id, proved.email from proved where proved.kind = 'bare'`;
    const claimed = sql`select chosen.user_id from chosen`;
    const others = sql`
      token.id <> verified_account.token_id
      and (token.purpose = 'verify_email' or verified_account.kind <> 'bound')`;
    const audit = (type: AuditEventType, actor: SQL, subject: SQL) =>
      insertAudit(ctx, { id: newId(now), type, actor, subject });
    // The holder of a mailbox need not be the holder of the account, whose export names the device of its own events.
    const verified = audit('email.verified', noOne, sql`verified_account.id`);
    const asked = audit('password.reset_requested', noOne, sql`reset_token.user_id`);
    const refused = audit('email.code_refused', noOne, sql`tried_token.user_id`);
    const username = sql`${attempt?.username ?? null}::text`;
    return sql`
      with presented_token as (${token}), verdict as (
        select presented_token.id, presented_token.is_right,
          ${kindOf(attempt, { token: sql`presented_token`, account: sql`account` })} as kind
        from presented_token
          join users account on account.id = presented_token.user_id and account.email = presented_token.email
      ), older as (
        select from (select 1) always where ${isSuperseded}
      ), tried_token as (
        update one_time_tokens token set code_attempts = token.code_attempts + ${by === 'code' ? 1 : 0}::int,
          used_at = case when verdict.is_right then ${now}::timestamptz end,
          succeeded_at = case when verdict.is_right then ${now}::timestamptz end, ${withoutCredentials}
        from verdict where token.id = verdict.id and token.used_at is null
          and (verdict.is_right or not exists (select from older))
        returning token.id, token.user_id, token.email, verdict.is_right, verdict.kind
      ), proved as (
        select * from tried_token where is_right
      ), repeated as (
        select repeat.user_id, repeat.email, repeat.username, reset.id as reset_token_id, case
            when repeat.email = ${attempt?.email ?? null}::text then 'claimed'
            when reset.id is not null then 'bare'
            else 'bound'
          end as kind
        from (${succeededTokens(repeated)}) repeat
          left join one_time_tokens reset on reset.user_id = repeat.user_id and reset.purpose = 'reset_password'
            and reset.created_at = repeat.succeeded_at and reset.used_at is null
            and repeat.password_hash is null and repeat.succeeded_at > ${secondsAfter(now, -repeatSeconds)}
        where repeat.email is distinct from ${attempt?.email ?? null}::text
          or repeat.password_hash = ${attempt?.passwordHash ?? null}::text
      ), superseded as (
        select from older where not exists (select from proved) and not exists (select from repeated)
      ), chosen as (
        select proved.user_id, ${attempt?.passwordHash ?? null}::text as password_hash,
          case when ${withName}::boolean
              and not exists (select from users holder where holder.username = ${username})
            then ${username} end as username
        from proved where proved.kind = 'claimed'
      ), verified_account as (
        update users set email_verified_at = coalesce(users.email_verified_at, ${now}), updated_at = ${now},
          ${takesBack(ctx, now, sql`proved.kind in ('claimed', 'bare')`)},
          password_hash = coalesce(chosen.password_hash, users.password_hash),
          password_changed_at =
            case when chosen.password_hash is null then users.password_changed_at else ${now}::timestamptz end,
          username = coalesce(users.username, chosen.username)
        from proved left join chosen on true
        where users.id = proved.user_id
        returning users.id, users.email, users.username, proved.id as token_id, proved.kind
      ), ${unlinkIdentities(ctx, newId(now), claimed)}, ended_sessions as (
        update sessions session set revoked_at = ${now}, revoked_reason = 'password_changed'
        from proved
        where session.user_id = proved.user_id and proved.kind in ('claimed', 'bare') and session.revoked_at is null
      ), voided_tokens as (
        ${voidTokens(ctx, ['verify_email', ...endedByNewPassword], sql`verified_account`, others)}
      ), reset_token as (
        ${insertToken({ now }, 'reset_password', reset, bare)}
      ), audited as (
        ${verified} from verified_account
      ), audited_reset as (
        ${asked} from reset_token
      ), audited_refusal as (
        ${refused} from (select 1) always left join tried_token on true
        where ${by === 'code'}::boolean and not exists (select from proved) and not exists (select from repeated)
          and not exists (select from superseded)
      )
      select proved.kind, proved.user_id, proved.email, verified_account.username, false as is_repeat,
        (select reset_token.id from reset_token) as reset_token_id,
        ${changedAccounts(sql`select verified_account.id from verified_account`)}
      from proved left join verified_account on true
      union all
      select repeated.kind, repeated.user_id, repeated.email, repeated.username, true, repeated.reset_token_id,
        array[repeated.user_id]
      from repeated
      union all
      select 'superseded', null, null, null, false, null, null from superseded`;
  };

  /** If another account takes the user name at the same moment, the address is proved without the name. */
  const prove = async (ctx: RequestContext, proof: Proof, presented: Presented): Promise<AddressOutcome> => {
    const run = (withName: boolean) =>
      db.transaction(ctx, [presented.lock, accept(ctx, presented, proof, withName)]);
    const [, [row]] = (await run(true).catch((error: unknown) => {
      if (violatedUnique(error) === 'users_username_unique') return run(false);
      throw error;
    })) as [unknown, Row[]];
    return toOutcome(row);
  };

  return {
    /** Takes the address as proved by a link. */
    verifyByToken: (ctx: RequestContext, tokenId: string, proof: Proof): Promise<AddressOutcome> =>
      prove(ctx, proof, {
        lock: lockOwnerOf(tokenId),
        token: sql`
          select token.id, token.user_id, token.email, true as is_right from one_time_tokens token
          where token.id = ${tokenId} and token.purpose = 'verify_email' and token.used_at is null
            and token.expires_at > ${ctx.now}`,
        repeated: sql`token.id = ${tokenId} and token.purpose = 'verify_email'`,
        isSuperseded: sql`false`,
        by: 'link',
      }),

    /**
     * Takes the address as proved by the code of its newest mail. Each try counts, right or wrong, under the lock of
     * the account, so that parallel guesses get no more tries. Every wrong code writes an audit event, so that its time
     * does not tell whether there was a code. The codes of older mails prove nothing, because each would be another
     * number that a guess may hit, but a person who types one has not guessed.
     */
    verifyByCode: (
      ctx: RequestContext,
      { email, codeMac }: { email: string; codeMac: string },
      proof: Proof,
    ): Promise<AddressOutcome> => {
      const newest = sql`(
        select mailed.id from one_time_tokens mailed
        where mailed.email = ${email} and mailed.purpose = 'verify_email' order by mailed.id desc limit 1)`;
      const isAlive = sql`token.code_expires_at > ${ctx.now}`;
      return prove(ctx, proof, {
        lock: lockAccountOf(email),
        token: sql`
          select token.id, token.user_id, token.email, token.code_mac = ${codeMac} as is_right
          from one_time_tokens token
          where token.id = ${newest} and token.used_at is null and ${isAlive}
            and token.code_attempts < ${codePolicy.maxAttempts}`,
        repeated: sql`token.id = ${newest} and token.code_mac = ${codeMac} and ${isAlive}`,
        isSuperseded: sql`exists (
          select from one_time_tokens token
          where token.email = ${email} and token.purpose = 'verify_email' and token.code_mac = ${codeMac}
            and token.id < ${newest} and token.used_at is null and ${isAlive})`,
        by: 'code',
      });
    },

    /**
     * Writes another verification token and its mail, if the address waits for one and the last mail is a minute old;
     * the lock of the account's row decides between parallel requests. It writes an audit event in any case, so that
     * its time does not tell whether the address waits.
     */
    resend: async (ctx: RequestContext, email: string, token: MailedToken): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'email.verification_requested',
        actor: noOne,
        subject: sql`waiting_account.user_id`,
      } as const;
      const proof = {
        purpose: 'verify_email',
        template: 'verify_email',
        token,
        from: sql`select waiting_account.user_id, waiting_account.email from waiting_account`,
        details: sql`${askedTokenDetails(ctx, token.tokenId)}
          || jsonb_build_object('completes_sign_up', (select waiting_account.is_unclaimed from waiting_account))`,
      } as const;
      await db.execute(
        ctx,
        sql`
          with waiting_account as (
            update users set verification_sent_at = ${ctx.now}
            where email = ${email} and email_verified_at is null and disabled_at is null
              and ${isDue(ctx, sql`verification_sent_at`)}
            returning id as user_id, email, ${isUnclaimed(sql`users`)} as is_unclaimed
          ), ${mailToken(ctx, proof)}
          ${insertAudit(ctx, event)} from (select 1) always left join waiting_account on true`,
      );
    },

    /**
     * Records that codes are refused for an address. If the address is locked for everybody and an account waits for
     * its proof, a mail tells its owner. A lock begins once, so there is one mail for it.
     */
    recordCodeLock: async (
      ctx: RequestContext,
      email: string,
      { lockedBy, outboxId }: { lockedBy: LockedBy; outboxId: string },
    ): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'email.code_locked',
        actor: noOne,
        subject: sql`locked_account.id`,
        details: sql`jsonb_build_object('by', ${lockedBy}::text)`,
      } as const;
      const waiting = sql`
        select locked_account.id as user_id, locked_account.email as recipient from locked_account
        where ${lockedBy === 'identifier'}::boolean
          and locked_account.email_verified_at is null and locked_account.disabled_at is null`;
      await db.execute(
        ctx,
        sql`
          with locked_account as (
            select account.id, account.email, account.email_verified_at, account.disabled_at
            from users account where account.email = ${email}
          ), told as (
            ${insertMail(ctx, 'codes_locked', outboxId, waiting, originDetails(ctx))}
          )
          ${insertAudit(ctx, event)} from (select 1) always left join locked_account on true`,
      );
    },
  };
};
