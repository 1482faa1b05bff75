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

/** The names of the roles of an account. */
export const roleNamesOf = (account: SQL): SQL => sql`
  array(select held.role_name from user_roles held where held.user_id = ${account}.id order by held.role_name)`;

/** Every permission that the roles of an account give. */
export const permissionNamesOf = (account: SQL): SQL => sql`
  array(select distinct unnest(role.permissions) as permission
        from user_roles held join roles role on role.name = held.role_name
        where held.user_id = ${account}.id order by permission)`;

/** The columns of an `AccountRow`; `account` is the users table or a row of it. */
export const accountColumnsOf = (account: SQL): SQL => sql`
  ${account}.id, ${account}.email, ${account}.email_verified_at is not null as email_verified, ${account}.username,
  ${account}.created_at, ${account}.password_changed_at, ${account}.must_change_password,
  ${roleNamesOf(account)} as roles,
  ${permissionNamesOf(account)} as permissions`;

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

/** The error code for a name that another account has, if that is why a statement failed. @throws any other error */
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
