import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { isFamiliarNetwork } from '../../sessions/sql/session-rows.ts';
import { parseIdentifier } from '../rules/account.ts';

/** The credential read: the only one that returns the hash. */
export type LoginCandidate = {
  readonly userId: string;
  readonly email: string;
  readonly passwordHash: string | null;
  readonly passwordChangedAt: Date | null;
  readonly disabled: boolean;
  readonly emailVerified: boolean;
};

/** Whether the account `u` is the one that an address or a user name names. */
const namedBy = (identifier: string): SQL => {
  const by = parseIdentifier(identifier);
  return 'email' in by ? sql`u.email = ${by.email}` : sql`u.username = ${by.username}`;
};

export type AccountRepository = ReturnType<typeof createAccountRepository>;

export const createAccountRepository = (db: Database) => ({
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
