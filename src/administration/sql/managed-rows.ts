import { type SQL, sql } from 'drizzle-orm';
import type { ManagedAccount } from '../../accounts/rules/account.ts';
import { type AccountRow, accountColumns, toAccount } from '../../accounts/sql/account-rows.ts';

export type ManagedRow = AccountRow & { disabled: boolean; updated_at: Date; version: string };

/**
 * The account columns that administrators see. PostgreSQL keeps a version of each row itself: the transaction that
 * wrote it, which no statement can forget to advance.
 */
export const managedColumns: SQL = sql`
  ${accountColumns}, u.disabled_at is not null as disabled, u.updated_at, u.xmin::text as version`;

export const toManaged = (row: ManagedRow): ManagedAccount => ({
  ...toAccount(row),
  disabled: row.disabled,
  updatedAt: row.updated_at,
  version: row.version,
});

export const readManaged = (id: string): SQL =>
  sql`select ${managedColumns} from users u where u.id = ${id}::uuid`;
