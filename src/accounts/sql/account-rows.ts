import { type SQL, sql } from 'drizzle-orm';
import { violatedUnique } from '../../platform/db/errors.ts';
import type { Session } from '../../sessions/rules/session.ts';
import type { AccountRecord } from '../rules/account.ts';

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

/** The roles of the account that the statement has as `u`. */
export const rolesOf: SQL = sql`array(select ur.role_name from user_roles ur where ur.user_id = u.id order by ur.role_name)`;

/** The permissions of the account that the statement has as `u`. */
export const permissionsOf: SQL = sql`
  array(select distinct unnest(r.permissions) as permission from user_roles ur join roles r on r.name = ur.role_name
        where ur.user_id = u.id order by permission)`;

/** The account columns of a statement that has the users table, or a row of it, as `u`. */
export const accountColumns: SQL = sql`
  u.id, u.email, u.email_verified_at is not null as email_verified, u.username, u.created_at,
  u.password_changed_at, u.must_change_password,
  ${rolesOf} as roles,
  ${permissionsOf} as permissions`;

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

/** Which of its names another account has, where that is why a statement failed; any other error is thrown on. */
export const takenBy = (error: unknown): 'email_taken' | 'username_taken' => {
  switch (violatedUnique(error)) {
    case 'users_email_unique':
      return 'email_taken';
    case 'users_username_unique':
      return 'username_taken';
    default:
      throw error;
  }
};
