import { type SQL, sql } from 'drizzle-orm';

/**
 * Tokens that have succeeded, with their accounts, for a second use (docs/adr/0032). It counts only while the account is
 * as the success has left it: it has the token's address, proved, and is not disabled. Voided tokens have not succeeded.
 * `which` is about `token` and `account`.
 */
export const succeededTokens = (which: SQL): SQL => sql`
  select token.user_id, token.succeeded_at, token.used_at, token.expires_at,
    account.email, account.username, account.password_hash
  from one_time_tokens token join users account on account.id = token.user_id and account.email = token.email
  where token.succeeded_at is not null and account.email_verified_at is not null and account.disabled_at is null
    and ${which}`;
