import { type SQL, sql } from 'drizzle-orm';
import type { ManagedAccount } from '../../accounts/rules/account.ts';
import type { PermittedContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { Slice } from '../../platform/rules/page.ts';
import { type Gate, refusalOf } from '../../sessions/sql/gate.ts';
import { type ManagedRow, managedColumns, readManaged, toManaged } from './managed-rows.ts';

export type Match = {
  readonly account: ManagedAccount;
  /** The address or the user name that matched. */
  readonly term: string;
  /** Found by its user name, and by its address elsewhere in the list. */
  readonly repeated: boolean;
};

export type UserDirectory = ReturnType<typeof createUserDirectory>;

/** Finds the accounts of others, as the permission of the route allows. */
export const createUserDirectory = (db: Database, { gate }: { readonly gate: Gate }) => {
  const read = async <Row extends ManagedRow>(
    ctx: PermittedContext,
    rows: SQL,
    order: SQL,
  ): Promise<{ refusal: Refusal; rows: Row[] }> => {
    const found = await db.execute<Row & { refusal: Refusal }>(
      ctx,
      sql`with ${gate.permitted(ctx)}
          select gate.refusal, u.* from gate left join lateral (${rows}) u on gate.refusal is null order by ${order}`,
    );
    const refusal = refusalOf(found[0]);
    return { refusal, rows: found.filter(({ id }) => id !== null) };
  };

  return {
    /** Accounts, newest first; `after` is the id of the last one seen. */
    list: async (
      ctx: PermittedContext,
      { after, limit }: Slice,
    ): Promise<{ refusal: Refusal; accounts: ManagedAccount[] }> => {
      const { refusal, rows } = await read(
        ctx,
        sql`select ${managedColumns} from users u ${after === null ? sql`` : sql`where u.id < ${after}::uuid`}
            order by u.id desc limit ${limit}`,
        sql`u.id desc`,
      );
      return { refusal, accounts: rows.map(toManaged) };
    },

    /**
     * Accounts whose address or user name begins with the prefix, in the order of what matched; `after` is the last
     * match seen. Each index is read for no more rows than a page has. `repeated` are those that are found by
     * their address already.
     */
    search: async (
      ctx: PermittedContext,
      prefix: string,
      { after, limit }: Slice,
    ): Promise<{ refusal: Refusal; matches: Match[] }> => {
      const begins = (column: SQL) => sql`${column} >= ${prefix} and ${column} < ${`${prefix}\u{10ffff}`}`;
      const branch = (column: SQL, repeated: SQL) => sql`
        (select u.id, ${column} as term, ${repeated} as repeated from users u
         where ${begins(column)} ${after === null ? sql`` : sql`and ${column} > ${after}`}
         order by ${column} limit ${limit})`;
      const { refusal, rows } = await read<ManagedRow & Omit<Match, 'account'>>(
        ctx,
        sql`
          select ${managedColumns}, found.term, found.repeated
          from (
            select * from (
              ${branch(sql`u.email`, sql`false`)} union all ${branch(sql`u.username`, begins(sql`u.email`))}
            ) either order by term limit ${limit}
          ) found join users u on u.id = found.id`,
        sql`u.term`,
      );
      return {
        refusal,
        matches: rows.map((row) => ({ account: toManaged(row), term: row.term, repeated: row.repeated })),
      };
    },

    find: async (
      ctx: PermittedContext,
      id: string,
    ): Promise<{ refusal: Refusal; account: ManagedAccount | null }> => {
      const { refusal, rows } = await read(ctx, readManaged(id), sql`u.id`);
      return { refusal, account: rows[0] ? toManaged(rows[0]) : null };
    },
  };
};
