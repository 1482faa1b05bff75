import { type SQL, sql } from 'drizzle-orm';

/**
 * Whether the account that the statement has by that name is one that nobody has proved to own: the proof of its address
 * may set its password. Not one that was given more than a sign-up gives, or a stranger's sign-up would be worth it.
 */
export const isUnclaimed = (account: SQL): SQL => sql`(
  ${account}.password_hash is null and ${account}.email_verified_at is null
  and not exists (select from user_roles held where held.user_id = ${account}.id and held.role_name <> 'user'))`;
