import { sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import { violatedUnique } from '../db/errors.ts';
import { type AccountRecord, parseIdentifier } from '../domain/account.ts';
import type { NewSession, OpenSession, SessionRefusal } from '../domain/session.ts';
import {
  type AccountRow,
  accountColumns,
  auditColumns,
  auditValues,
  type Gated,
  gate,
  refusalOf,
  toAccount,
} from './rows.ts';

export type NewAccount = {
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
  readonly session: NewSession;
};

/** The credential read: the only one that returns the hash. */
export type LoginCandidate = {
  readonly id: string;
  readonly passwordHash: string | null;
  readonly disabled: boolean;
};

export type CreateOutcome =
  | ({ readonly kind: 'created' } & OpenSession)
  | { readonly kind: 'email_taken' | 'username_taken' };

export type AccountRepository = ReturnType<typeof createAccountRepository>;

export const createAccountRepository = (db: Database, newId: (now: Date) => string) => ({
  /** Account, role, session and audit event in one statement; the unique constraints decide races. */
  create: async (ctx: RequestContext, account: NewAccount): Promise<CreateOutcome> => {
    const { now, ip, userAgent } = ctx;
    const { session } = account;
    const id = newId(now);
    const event = { id: newId(now), type: 'account.signed_up', actor: sql`u.id`, subject: sql`u.id` };
    try {
      const [row] = await db.execute<AccountRow>(
        ctx,
        sql`
          with u as (
            insert into users (id, email, username, password_hash, password_changed_at, created_at, updated_at)
            values (${id}, ${account.email}, ${account.username}, ${account.passwordHash}, ${now}, ${now}, ${now})
            returning *
          ), granted as (
            insert into user_roles (user_id, role_name) select u.id, 'user' from u returning role_name
          ), opened as (
            insert into sessions (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
            select ${session.id}::uuid, u.id, ${session.scope}, u.created_at, u.created_at, ${session.expiresAt}::timestamptz,
                   ${session.absoluteExpiresAt}::timestamptz, ${ip}::inet, ${userAgent} from u
          ), audited as (
            insert into audit_events (${auditColumns}) select ${auditValues(ctx, event)} from u
          )
          select u.id, u.email, false as email_verified, u.username, u.created_at, u.password_changed_at,
                 u.must_change_password, array(select role_name from granted) as roles,
                 (select r.permissions from roles r where r.name = 'user') as permissions
          from u`,
      );
      if (!row) throw new Error('an insert returned no row');
      return { kind: 'created', session, account: toAccount(row) };
    } catch (error) {
      switch (violatedUnique(error)) {
        case 'users_email_unique':
          return { kind: 'email_taken' };
        case 'users_username_unique':
          return { kind: 'username_taken' };
        default:
          throw error;
      }
    }
  },

  findForLogin: async (ctx: RequestContext, identifier: string): Promise<LoginCandidate | null> => {
    const by = parseIdentifier(identifier);
    const [row] = await db.execute<{ id: string; password_hash: string | null; disabled: boolean }>(
      ctx,
      sql`select u.id, u.password_hash, u.disabled_at is not null as disabled from users u
          where ${'email' in by ? sql`u.email = ${by.email}` : sql`u.username = ${by.username}`}`,
    );
    return row ? { id: row.id, passwordHash: row.password_hash, disabled: row.disabled } : null;
  },

  /** Replaces a hash by one of the same password under other parameters, unless the password has changed meanwhile. */
  replaceHash: async (ctx: RequestContext, id: string, before: string, after: string): Promise<void> => {
    await db.execute(
      ctx,
      sql`update users set password_hash = ${after}, updated_at = ${ctx.now} where id = ${id} and password_hash = ${before}`,
    );
  },

  /** The actor's own account. */
  findOwn: async (
    ctx: RequestContext,
  ): Promise<{ refusal: Exclude<SessionRefusal, null> } | { refusal: null; account: AccountRecord }> => {
    const [row] = await db.execute<AccountRow & Gated>(
      ctx,
      sql`with ${gate(ctx)} select gate.refusal, ${accountColumns} from gate join users u on u.id = gate.user_id`,
    );
    const refusal = refusalOf(row);
    return row && refusal === null
      ? { refusal, account: toAccount(row) }
      : { refusal: refusal ?? 'session_revoked' };
  },
});
