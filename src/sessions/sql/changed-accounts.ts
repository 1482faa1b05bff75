import { type SQL, sql } from 'drizzle-orm';
import type { Database, QueryScope } from '../../platform/db/client.ts';

/**
 * The column by which a statement tells which accounts it has changed: what they may do, which of their sessions live, or
 * what `/auth/me` shows of them. Every statement that writes such a thing has it, and a test wants it in the golden files.
 * One that finds the change made already names the account too: the first request may have been lost before it told.
 * @param ids yields the ids of accounts
 */
export const changedAccounts = (ids: SQL): SQL => sql`array(${ids}) as changed_accounts`;

type Row = Record<string, unknown>;

const changedBy = (rows: readonly Row[]): string[] =>
  rows.flatMap((row) => (row.changed_accounts as readonly string[] | null | undefined) ?? []);

/**
 * The same database, which passes on the accounts that a statement has changed before the statement is answered: so no
 * caller can forget it. `tell` must not reject, because the statement is committed by then.
 */
export const tellingChanges = (
  inner: Database,
  tell: (accountIds: readonly string[]) => Promise<void>,
): Database => {
  const tellOf = async ({ defer }: QueryScope, rows: readonly Row[]) => {
    const ids = [...new Set(changedBy(rows))];
    if (ids.length === 0) return;
    const told = tell(ids);
    // A client that goes away must not end it.
    defer?.('tell session gates', told);
    await told;
  };
  return {
    execute: async (scope, statement, facts) => {
      const rows = await inner.execute(scope, statement, facts);
      await tellOf(scope, rows);
      return rows as never;
    },
    transaction: async (scope, statements) => {
      const answers = await inner.transaction(scope, statements);
      await tellOf(scope, answers.flat());
      return answers;
    },
  };
};
