import { type SQL, sql } from 'drizzle-orm';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import { askedTokenDetails, type MailedToken, mailToken } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { NewSession, OpenSession } from '../../sessions/rules/session.ts';
import { isFamiliarNetwork } from '../../sessions/sql/session-rows.ts';
import { parseIdentifier } from '../rules/account.ts';
import { type AccountRow, takenBy, toAccount } from './account-rows.ts';

export type NewAccount = {
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
  /** Null where no address is verified. */
  readonly verification: MailedToken | null;
};

/** The credential read: the only one that returns the hash. */
export type LoginCandidate = {
  readonly userId: string;
  readonly email: string;
  readonly passwordHash: string | null;
  readonly passwordChangedAt: Date | null;
  readonly disabled: boolean;
  readonly emailVerified: boolean;
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

/** Whether the account `u` is the one that an address or a user name names. */
const namedBy = (identifier: string): SQL => {
  const by = parseIdentifier(identifier);
  return 'email' in by ? sql`u.email = ${by.email}` : sql`u.username = ${by.username}`;
};

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

  findForLogin: async (ctx: RequestContext, identifier: string): Promise<LoginCandidate | null> => {
    const [row] = await db.execute<{
      id: string;
      email: string;
      password_hash: string | null;
      password_changed_at: Date | null;
      disabled: boolean;
      email_verified: boolean;
    }>(
      ctx,
      sql`select u.id, u.email, u.password_hash, u.password_changed_at, u.disabled_at is not null as disabled,
            u.email_verified_at is not null as email_verified
          from users u where ${namedBy(identifier)}`,
    );
    return row
      ? {
          userId: row.id,
          email: row.email,
          passwordHash: row.password_hash,
          passwordChangedAt: row.password_changed_at,
          disabled: row.disabled,
          emailVerified: row.email_verified,
        }
      : null;
  },

  /** Whether one of the account's newest sessions came from the network of this request; false where there is no account. */
  isFamiliarNetwork: async (ctx: RequestContext, identifier: string): Promise<boolean> => {
    const rows = await db.execute(
      ctx,
      sql`select from users u where ${namedBy(identifier)} and ${isFamiliarNetwork(sql`u.id`, sql`${ctx.ip}::inet`)}`,
    );
    return rows.length > 0;
  },

  /** Replaces a hash by one of the same password under other parameters, unless the password has changed meanwhile. */
  replaceHash: async (ctx: RequestContext, id: string, before: string, after: string): Promise<void> => {
    await db.execute(
      ctx,
      sql`update users set password_hash = ${after}, updated_at = ${ctx.now} where id = ${id} and password_hash = ${before}`,
    );
  },
});
