import { type SQL, sql } from 'drizzle-orm';
import { type ManagedUser, withPasswordAge } from '../../accounts/rules/account.ts';
import { type AccountRow, accountColumnsOf, toAccount } from '../../accounts/sql/account-rows.ts';
import type { PermittedContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { Refusal } from '../../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import { passed, type StatementParts } from '../../sessions/sql/gate.ts';

export type ManagedRow = AccountRow & { disabled: boolean; updated_at: Date; version: string };

export type UserQuery = PageRequest & {
  /** The beginning of an e-mail address or a user name; null lists all accounts. */
  readonly prefix: string | null;
};

/**
 * The columns that administrators see of the relation `account`. The version is the transaction that wrote the row,
 * which PostgreSQL keeps itself, so no statement can forget to advance it.
 */
const managedColumns: SQL = sql`
  ${accountColumnsOf(sql`account`)}, account.disabled_at is not null as disabled, account.updated_at,
  account.xmin::text as version`;

export const readManaged = (id: string): SQL =>
  sql`select ${managedColumns} from users account where account.id = ${id}::uuid`;

/** @param maxAgeDays how long a password lives; null: it does not age */
export const toManaged = (row: ManagedRow, maxAgeDays: number | null, now: Date): ManagedUser => {
  const { disabled, updated_at: updatedAt, version } = row;
  return withPasswordAge({ ...toAccount(row), disabled, updatedAt, version }, maxAgeDays, now);
};

type Parts = Pick<StatementParts, 'db' | 'gate' | 'passwordMaxAgeDays'>;

/** Finds accounts for administrators. */
export const createUserDirectory = ({ db, gate, passwordMaxAgeDays }: Parts) => {
  const find = async <Row extends ManagedRow>(ctx: PermittedContext, rows: SQL, order: SQL) => {
    const found = await db.execute<Row & { refusal: Refusal }>(
      ctx,
      sql`
        with ${gate.permitted(ctx)}
        select gate.refusal, found.* from gate left join lateral (${rows}) found on gate.refusal is null
        order by ${order}`,
    );
    passed(found[0]);
    return found.filter(({ id }) => id !== null);
  };
  const toUser = (ctx: PermittedContext, row: ManagedRow) => toManaged(row, passwordMaxAgeDays, ctx.now);

  const listAll = async (
    ctx: PermittedContext,
    { cursor, limit }: PageRequest,
  ): Promise<Page<ManagedUser>> => {
    const rows = await find(
      ctx,
      sql`
        select ${managedColumns} from users account
        ${cursor === null ? sql`` : sql`where account.id < ${cursor}::uuid`}
        order by account.id desc limit ${limit + 1}`,
      sql`found.id desc`,
    );
    return pageOf(
      rows.map((row) => toUser(ctx, row)),
      limit,
      ({ id }) => id,
    );
  };

  /** An account whose address and user name both match is found twice and listed once, so a page may be shorter. */
  const search = async (ctx: PermittedContext, prefix: string, { cursor, limit }: PageRequest) => {
    const begins = (column: SQL) => sql`${column} >= ${prefix} and ${column} < ${`${prefix}\u{10ffff}`}`;
    // Each index is read for no more rows than a page has.
    const matchesOf = (column: SQL, isRepeated: SQL) => sql`
      (select users.id, ${column} as term, ${isRepeated} as is_repeated from users
       where ${begins(column)} ${cursor === null ? sql`` : sql`and ${column} > ${cursor}`}
       order by ${column} limit ${limit + 1})`;
    const rows = await find<ManagedRow & { term: string; is_repeated: boolean }>(
      ctx,
      sql`
        select ${managedColumns}, match.term, match.is_repeated
        from (
          select * from (
            ${matchesOf(sql`users.email`, sql`false`)}
            union all ${matchesOf(sql`users.username`, begins(sql`users.email`))}
          ) either order by term limit ${limit + 1}
        ) match join users account on account.id = match.id`,
      sql`found.term`,
    );
    const { items, nextCursor } = pageOf(rows, limit, ({ term }) => term);
    return { items: items.filter((row) => !row.is_repeated).map((row) => toUser(ctx, row)), nextCursor };
  };

  return {
    /**
     * A page of accounts: all of them, newest first, or those that begin with a prefix, in the order of what matched.
     * @throws AppError `forbidden`, `password_change_required` and what ends a session
     */
    list: (ctx: PermittedContext, { prefix, ...page }: UserQuery): Promise<Page<ManagedUser>> =>
      prefix === null ? listAll(ctx, page) : search(ctx, prefix, page),

    /** @throws AppError `not_found`, `forbidden`, `password_change_required` and what ends a session */
    read: async (ctx: PermittedContext, id: string): Promise<ManagedUser> => {
      const [row] = await find(ctx, readManaged(id), sql`found.id`);
      if (!row) throw new AppError('not_found');
      return toUser(ctx, row);
    },
  };
};
