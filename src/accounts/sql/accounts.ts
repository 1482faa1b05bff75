import { type SQL, sql } from 'drizzle-orm';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import { askedTokenDetails, type MailedToken, mailToken } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { NewSession, OpenSession } from '../../sessions/rules/session.ts';
import { type AccountRow, takenBy, toAccount } from './account-rows.ts';

export type NewAccount = {
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
  /** Null where no address is verified. */
  readonly verification: MailedToken | null;
};

export type CreateOutcome =
  | ({ readonly kind: 'created' } & OpenSession)
  | { readonly kind: 'email_taken' | 'username_taken' };

/** The verification token of the account that the statement has as `u`, and its mail. */
const verificationOf = (ctx: RequestContext, token: MailedToken): SQL =>
  mailToken(ctx, {
    purpose: 'verify_email',
    template: 'verify_email',
    token,
    from: sql`select u.id as user_id, u.email from u`,
    details: askedTokenDetails(ctx, token.tokenId),
  });

export type AccountRepository = ReturnType<typeof createAccountRepository>;

type Options = { readonly newId: (now: Date) => string };

export const createAccountRepository = (db: Database, { newId }: Options) => ({
  /** Account, role, session and audit event in one statement; the unique constraints decide races. An address that is kept is taken. */
  create: async (ctx: RequestContext, account: NewAccount, session: NewSession): Promise<CreateOutcome> => {
    const { now, ip, userAgent } = ctx;
    const { verification } = account;
    const id = newId(now);
    const event = {
      id: newId(now),
      type: 'account.signed_up',
      actor: sql`u.id`,
      subject: sql`u.id`,
    } as const;
    try {
      const [row] = await db.execute<AccountRow>(
        ctx,
        sql`
          with u as (
            insert into users (id, email, username, password_hash, password_changed_at, verification_sent_at, created_at, updated_at)
            select ${id}::uuid, ${account.email}::text, ${account.username}::text, ${account.passwordHash}::text, ${now}::timestamptz,
                   ${verification && now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
            where not ${isReserved(ctx, sql`${account.email}::text`)}
            returning *
          ), granted as (
            insert into user_roles (user_id, role_name) select u.id, 'user' from u returning role_name
          ), opened as (
            insert into sessions (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
            select ${session.id}::uuid, u.id, ${session.scope}, u.created_at, u.created_at, ${session.expiresAt}::timestamptz,
                   ${session.absoluteExpiresAt}::timestamptz, ${ip}::inet, ${userAgent} from u
          ), audited as (
            ${insertAudit(ctx, event)} from u
          )${verification ? sql`, ${verificationOf(ctx, verification)}` : sql``}
          select u.id, u.email, false as email_verified, u.username, u.created_at, u.password_changed_at,
                 u.must_change_password, array(select role_name from granted) as roles,
                 (select r.permissions from roles r where r.name = 'user') as permissions
          from u`,
      );
      if (!row) return { kind: 'email_taken' };
      return { kind: 'created', session, account: toAccount(row) };
    } catch (error) {
      return { kind: takenBy(error) };
    }
  },
});
