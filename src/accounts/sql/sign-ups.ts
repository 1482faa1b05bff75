import { sql } from 'drizzle-orm';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { isUndoOf, tellReserved } from '../../emails/sql/undo-tokens.ts';
import {
  askedTokenDetails,
  insertMail,
  isDue,
  type MailedToken,
  mailToken,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { isUnclaimed } from './taken-addresses.ts';

export type SignUp = {
  readonly email: string;
  readonly username: string | null;
  readonly verification: MailedToken;
};

export type SignUpRepository = ReturnType<typeof createSignUpRepository>;

type Options = { readonly newId: (now: Date) => string };

export const createSignUpRepository = (db: Database, { newId }: Options) => ({
  /**
   * The sign-up that reveals nothing. A new address gets an account without a session and without a password: what
   * was chosen waits in the browser that chose it. An account that still waits gets another verification mail, any other
   * one a mail that says that it exists, each once a minute; an address that is kept for an account that has left it is
   * told so, with the same work.
   */
  register: async (
    ctx: RequestContext,
    { email, username, verification }: SignUp,
  ): Promise<'registered' | 'username_taken'> => {
    const { now } = ctx;
    const proof = {
      purpose: 'verify_email',
      template: 'verify_email',
      token: verification,
      from: sql`select id as user_id, email from u union all select id, email from waiting`,
      details: sql`${askedTokenDetails(ctx, verification.tokenId)} || '{"completes_sign_up": true}'::jsonb`,
    } as const;
    const event = {
      id: newId(now),
      type: 'account.signed_up',
      actor: noOne,
      subject: sql`u.id`,
    } as const;
    const repeated = {
      id: newId(now),
      type: 'account.sign_up_repeated',
      actor: noOne,
      subject: sql`k.id`,
    } as const;
    const [row] = await db.execute<{ username_taken: boolean }>(
      ctx,
      sql`
        with taken as (
          select from users where username = ${username}
        ), reserved as (
          select k.user_id, k.expires_at from one_time_tokens k
          where ${isUndoOf(ctx, sql`k`, sql`${email}::text`)} and not exists (select from users o where o.email = ${email})
          limit 1
        ), u as (
          insert into users (id, email, verification_sent_at, created_at, updated_at)
          select ${newId(now)}::uuid, ${email}::text, ${now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
          where not exists (select from taken) and not exists (select from reserved)
          on conflict (email) do nothing
          returning id, email
        ), granted as (
          insert into user_roles (user_id, role_name) select u.id, 'user' from u
        ), waiting as (
          update users k set verification_sent_at = ${now}
          where k.email = ${email} and not exists (select from taken) and k.disabled_at is null
            and ${isUnclaimed(sql`k`)} and ${isDue(ctx, sql`k.verification_sent_at`)}
          returning k.id, k.email
        ), known as (
          update users k set exists_notice_sent_at = ${now}
          where k.email = ${email} and not exists (select from taken)
            and not ${isUnclaimed(sql`k`)} and ${isDue(ctx, sql`k.exists_notice_sent_at`)}
          returning k.id, k.email
        ), kept as (
          update users k set exists_notice_sent_at = ${now}
          from reserved where k.id = reserved.user_id and not exists (select from taken)
            and ${isDue(ctx, sql`k.exists_notice_sent_at`)}
          returning reserved.expires_at as kept_until
        ), told_kept as (
          ${tellReserved(ctx, verification.outboxId, email, sql`select kept.kept_until from kept`)}
        ), ${mailToken(ctx, proof)}, told as (
          ${insertMail(ctx, 'account_exists', verification.outboxId, sql`select known.id as user_id, known.email as recipient from known`)}
        ), audited as (
          ${insertAudit(ctx, event)} from u
        ), audited_again as (
          ${insertAudit(ctx, repeated)} from (
            select o.id from users o where o.email = ${email} union all select null from reserved
          ) k where not exists (select from u)
        )
        select exists (select from taken) as username_taken`,
    );
    return row?.username_taken ? 'username_taken' : 'registered';
  },
});
