import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../platform/db/client.ts';

/**
 * The column by which a statement tells which accounts it has changed: what they may do, which of their sessions live, or
 * what `/auth/me` shows of them. Every statement that writes such a thing has it, and a test wants it in the golden files.
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
  const tellOf = async (rows: readonly Row[]) => {
    const ids = [...new Set(changedBy(rows))];
    if (ids.length > 0) await tell(ids);
  };
  return {
    execute: async (scope, statement, facts) => {
      const rows = await inner.execute(scope, statement, facts);
      await tellOf(rows);
      return rows as never;
    },
    transaction: async (scope, statements) => {
      const answers = await inner.transaction(scope, statements);
      await tellOf(answers.flat());
      return answers;
    },
  };
};
