import { emptyLedger, isBlankLedger, type Ledger, type LedgerLimits } from './rules/login-ledger.ts';

/** How many rows one run of the alarm deletes; the next run follows at once where there are more. */
const purgedAtOnce = 1_000;

type Row = { ledger: string };

/**
 * The ledgers of one object, each a row. None is kept in memory, so that the time of a read does not tell which names
 * were used lately. Reading and writing are synchronous, so a read followed by a write is atomic.
 */
export class LedgerTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec('create table if not exists ledgers (key text primary key, ledger text, expires_at_ms integer)');
    sql.exec('create index if not exists ledgers_expiry on ledgers (expires_at_ms)');
  }

  read(key: string): Ledger {
    const [row] = this.#sql.exec<Row>('select ledger from ledgers where key = ?', key).toArray();
    if (!row) return emptyLedger;
    const { total, pairs } = JSON.parse(row.ledger);
    return { total, pairs: new Map(pairs) };
  }

  write(key: string, ledger: Ledger, { total, pair }: LedgerLimits, nowMs: number): void {
    if (isBlankLedger(ledger, nowMs)) {
      this.#sql.exec('delete from ledgers where key = ?', key);
      return;
    }
    const text = JSON.stringify({ total: ledger.total, pairs: [...ledger.pairs] });
    const longestMs = Math.max(total.windowMs, total.lockMs, pair.windowMs, pair.lockMs);
    this.#sql.exec('insert or replace into ledgers values (?, ?, ?)', key, text, nowMs + longestMs);
  }

  /** Deletes ledgers in which nothing counts any more. @returns when to purge again, null for an empty table */
  purge(nowMs: number): number | null {
    const gone = 'select key from ledgers where expires_at_ms <= ? order by expires_at_ms limit ?';
    this.#sql.exec(`delete from ledgers where key in (${gone})`, nowMs, purgedAtOnce);
    const [next] = this.#sql
      .exec<{ at: number | null }>('select min(expires_at_ms) as at from ledgers')
      .toArray();
    return next?.at ?? null;
  }
}
