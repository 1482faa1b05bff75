import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { AccountRecord } from '../domain/account.ts';
import type { Session, SessionRefusal } from '../domain/session.ts';

export type AccountRow = {
  id: string;
  email: string;
  email_verified: boolean;
  username: string | null;
  roles: string[];
  permissions: string[];
  created_at: Date;
  password_changed_at: Date | null;
  must_change_password: boolean;
};

/** The account columns of a statement that has the users table, or a row of it, as `u`. */
export const accountColumns: SQL = sql`
  u.id, u.email, u.email_verified_at is not null as email_verified, u.username, u.created_at,
  u.password_changed_at, u.must_change_password,
  array(select ur.role_name from user_roles ur where ur.user_id = u.id order by ur.role_name) as roles,
  array(select distinct unnest(r.permissions) as permission from user_roles ur join roles r on r.name = ur.role_name
        where ur.user_id = u.id order by permission) as permissions`;

export const toAccount = (row: AccountRow): AccountRecord => ({
  id: row.id,
  email: row.email,
  emailVerified: row.email_verified,
  username: row.username,
  roles: row.roles,
  permissions: row.permissions,
  createdAt: row.created_at,
  passwordChangedAt: row.password_changed_at,
  passwordChangeDemanded: row.must_change_password,
});

export type SessionRow = { session_id: string; scope: string; refresh_counter: number; expires_at: Date };

export const toSession = (row: SessionRow): Session => ({
  id: row.session_id,
  scope: row.scope,
  refreshCounter: row.refresh_counter,
  expiresAt: row.expires_at,
});

/**
 * The common table expression `gate` of every route that needs a login: the actor's session and account as
 * the database has them now, with the reason why they are refused. It has no row where the session is gone.
 * `verifiedOnly` refuses accounts whose address is not verified.
 * A statement that writes joins it with `gate.refusal is null`, so that nothing is written for a dead session.
 */
export const gate = (
  { actor, now }: RequestContext,
  { verifiedOnly = false }: { verifiedOnly?: boolean } = {},
): SQL => sql`
  gate as (
    select s.id as session_id, u.id as user_id,
      case when s.revoked_at is not null or s.expires_at <= ${now} then 'session_revoked'
           when u.disabled_at is not null then 'account_disabled'
           when ${verifiedOnly}::boolean and u.email_verified_at is null then 'email_not_verified' end as refusal
    from sessions s join users u on u.id = s.user_id
    where s.id = ${actor?.sessionId ?? null} and u.id = ${actor?.userId ?? null}
  )`;

/** A row that carries the verdict of the gate beside what was asked for. */
export type Gated = { refusal: SessionRefusal };

export const refusalOf = (row: Gated | undefined): SessionRefusal => (row ? row.refusal : 'session_revoked');

/** The values of an audit event in the order of `auditColumns`; `subject` is an expression of the statement. */
export const auditColumns: SQL = sql`id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details`;

export const auditValues = (
  ctx: RequestContext,
  event: { id: string; type: string; actor: SQL; subject: SQL; details?: SQL },
): SQL => sql`
  ${event.id}::uuid, ${event.type}, ${event.actor}, ${event.subject}, ${ctx.now}::timestamptz, ${ctx.ip}::inet,
  ${ctx.userAgent}, ${ctx.requestId}, ${event.details ?? sql`'{}'::jsonb`}`;
