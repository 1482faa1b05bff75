import { sql } from 'drizzle-orm';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { isReserved, isUndoOf, tellReserved } from '../../emails/sql/undo-tokens.ts';
import {
  askedTokenDetails,
  insertMail,
  isDue,
  type MailedToken,
  mailToken,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { NewSession, OpenSession } from '../../sessions/rules/session.ts';
import type { StatementParts } from '../../sessions/sql/gate.ts';
import { rememberDevice } from '../../sessions/sql/known-devices.ts';
import { sessionColumns, sessionOrigin } from '../../sessions/sql/session-opening.ts';
import { type AccountRow, takenBy, toAccount } from './account-rows.ts';
import { isUnclaimed } from './taken-addresses.ts';
import { findTakenNames, usernameTaken } from './taken-names.ts';

type NewAccount = {
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
  /** Null where addresses are not verified. */
  readonly verification: MailedToken | null;
};

type Registration = {
  readonly email: string;
  readonly username: string | null;
  readonly verification: MailedToken;
};

export const createSignUpSql = ({ db, newId }: Pick<StatementParts, 'db' | 'newId'>) => ({
  /**
   * Writes the account, its role, its session and the audit events of both. The unique constraints decide races, and a
   * reserved address counts as taken. @throws AppError `email_taken`, `username_taken`
   */
  create: async (ctx: RequestContext, account: NewAccount, session: NewSession): Promise<OpenSession> => {
    const { now } = ctx;
    const { email, username, passwordHash, verification } = account;
    const self = { actor: sql`new_account.id`, subject: sql`new_account.id` };
    // The audit trail is read in the order of the ids, and the sign-up comes before its session.
    const [signedUpId = '', openedId = ''] = [newId(now), newId(now)].sort();
    const proof = verification && {
      purpose: 'verify_email' as const,
      template: 'verify_email' as const,
      token: verification,
      from: sql`select new_account.id as user_id, new_account.email from new_account`,
      details: askedTokenDetails(ctx, verification.tokenId),
    };
    const statement = sql`
      with new_account as (
        insert into users (id, email, username, password_hash, password_changed_at, verification_sent_at,
                           created_at, updated_at)
        select ${newId(now)}::uuid, ${email}::text, ${username}::text, ${passwordHash}::text, ${now}::timestamptz,
               ${verification && now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
        where not ${isReserved(ctx, sql`${email}::text`)}
        returning *
      ), granted_role as (
        insert into user_roles (user_id, role_name) select new_account.id, 'user' from new_account
        returning role_name
      ), opened_session as (
        insert into sessions ${sessionColumns}
        select ${session.id}::uuid, new_account.id, ${session.scope}, new_account.created_at, new_account.created_at,
               ${session.expiresAt}::timestamptz, ${session.absoluteExpiresAt}::timestamptz, ${sessionOrigin(ctx)}
        from new_account
      ), device as (
        select new_account.id as user_id, false as is_new, false as is_told from new_account
      ), remembered_device as (
        ${rememberDevice(ctx, newId(now), sql`device`)}
      ), audited as (
        ${insertAudit(ctx, { ...self, id: signedUpId, type: 'account.signed_up' })} from new_account
      ), audited_session as (
        ${insertAudit(ctx, { ...self, id: openedId, type: 'session.opened' })} from new_account
      )${proof ? sql`, ${mailToken(ctx, proof)}` : sql``}
      select new_account.id, new_account.email, false as email_verified, new_account.username,
             new_account.created_at, new_account.password_changed_at, new_account.must_change_password,
             array(select role_name from granted_role) as roles,
             (select role.permissions from roles role where role.name = 'user') as permissions
      from new_account`;
    const [row] = await db.execute<AccountRow>(ctx, statement).catch(async (error: unknown) => {
      throw await findTakenNames(db, ctx, takenBy(error), account);
    });
    if (!row) throw await findTakenNames(db, ctx, 'email_taken', account);
    return { session, account: toAccount(row) };
  },

  /**
   * The sign-up that reveals nothing. A new address gets an account without a session and without a password, because
   * the browser keeps what it chose. An unclaimed account gets another verification mail, any other account a mail that
   * says that it exists, and a reserved address a mail that says so: each once a minute, and with the same work.
   * @throws AppError `username_taken`
   */
  register: async (ctx: RequestContext, { email, username, verification }: Registration): Promise<void> => {
    const { now } = ctx;
    const { outboxId, tokenId } = verification;
    const proof = {
      purpose: 'verify_email',
      template: 'verify_email',
      token: verification,
      from: sql`
        select new_account.id as user_id, new_account.email from new_account
        union all select waiting_account.id, waiting_account.email from waiting_account`,
      details: sql`${askedTokenDetails(ctx, tokenId)} || '{"completes_sign_up": true}'::jsonb`,
    } as const;
    const known = sql`select known_account.id as user_id, known_account.email as recipient from known_account`;
    const reminder = sql`select reminded_account.kept_until from reminded_account`;
    const event = { id: newId(now), actor: noOne };
    const [row] = await db.execute<{ username_taken: boolean }>(
      ctx,
      sql`
        with taken_username as (
          select from users where username = ${username}
        ), reserved as (
          select undo.user_id, undo.expires_at from one_time_tokens undo
          where ${isUndoOf(ctx, sql`undo`, sql`${email}::text`)}
            and not exists (select from users holder where holder.email = ${email})
          limit 1
        ), new_account as (
          insert into users (id, email, verification_sent_at, created_at, updated_at)
          select ${newId(now)}::uuid, ${email}::text, ${now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
          where not exists (select from taken_username) and not exists (select from reserved)
          on conflict (email) do nothing
          returning id, email
        ), granted_role as (
          insert into user_roles (user_id, role_name) select new_account.id, 'user' from new_account
        ), waiting_account as (
          update users account set verification_sent_at = ${now}
          where account.email = ${email} and not exists (select from taken_username) and account.disabled_at is null
            and ${isUnclaimed(sql`account`)} and ${isDue(ctx, sql`account.verification_sent_at`)}
          returning account.id, account.email
        ), known_account as (
          update users account set exists_notice_sent_at = ${now}
          where account.email = ${email} and not exists (select from taken_username)
            and not ${isUnclaimed(sql`account`)} and ${isDue(ctx, sql`account.exists_notice_sent_at`)}
          returning account.id, account.email
        ), reminded_account as (
          update users account set exists_notice_sent_at = ${now}
          from reserved where account.id = reserved.user_id and not exists (select from taken_username)
            and ${isDue(ctx, sql`account.exists_notice_sent_at`)}
          returning reserved.expires_at as kept_until
        ), told_reserved as (
          ${tellReserved(ctx, outboxId, email, reminder)}
        ), ${mailToken(ctx, proof)}, told_known as (
          ${insertMail(ctx, 'account_exists', outboxId, known)}
        ), audited as (
          ${insertAudit(ctx, { ...event, type: 'account.signed_up', subject: sql`new_account.id` })} from new_account
        ), audited_again as (
          ${insertAudit(ctx, { ...event, type: 'account.sign_up_repeated', subject: sql`present.id` })} from (
            select holder.id from users holder where holder.email = ${email}
            union all select null from reserved
          ) present where not exists (select from new_account)
        )
        select exists (select from taken_username) as username_taken`,
    );
    if (row?.username_taken) throw usernameTaken();
  },
});
