import { DurableObject } from 'cloudflare:workers';
import { nextRun, restSeconds, runAt } from './rules.ts';

/** As in `DueTime`, in epoch milliseconds. */
export type Entry = { readonly id: string; readonly atMs: number | null };

/**
 * The one object that knows when work is due, and has it done then. It knows ids and times only: the database decides
 * what there is to do. An alarm is set while there is an entry, and an alarm that finds nothing due asks nobody.
 */
export abstract class AgendaObject<Bindings> extends DurableObject<Bindings> {
  /** Until when the last run rests. An object that was evicted meanwhile has rested enough. */
  #restedMs = 0;

  constructor(ctx: DurableObjectState, bindings: Bindings) {
    super(ctx, bindings);
    ctx.storage.sql.exec('create table if not exists due (id text primary key, at_ms integer not null)');
  }

  /** Does what is due. @returns when the earliest work that is left is due; null for none */
  protected abstract work(): Promise<Date | null>;

  async set(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) this.#write(entry);
    const times = entries.flatMap(({ atMs }) => (atMs === null ? [] : [atMs]));
    if (times.length === 0) return;
    const earliestMs = Math.max(Math.min(...times), this.#restedMs);
    const alarmMs = await this.ctx.storage.getAlarm();
    if (alarmMs === null || earliestMs < alarmMs) await this.ctx.storage.setAlarm(earliestMs);
  }

  /** The platform repeats an alarm that breaks off, and the entries stay until the work is done. */
  override async alarm(): Promise<void> {
    const startedMs = Date.now();
    const earliestMs = this.#earliest();
    const isDue = earliestMs !== null && earliestMs <= startedMs;
    if (isDue) {
      const next = runAt(await this.work(), new Date());
      this.ctx.storage.sql.exec('delete from due where at_ms <= ?', startedMs);
      this.#write({ id: nextRun, atMs: next === null ? null : next.getTime() });
      this.#restedMs = Date.now() + restSeconds * 1000;
    }
    const nextMs = this.#earliest();
    if (nextMs === null) return;
    // Rows that were written meanwhile wait too, so that a busy service does not ask the database for each of them.
    await this.ctx.storage.setAlarm(Math.max(nextMs, this.#restedMs));
  }

  #write({ id, atMs }: Entry): void {
    const { sql } = this.ctx.storage;
    if (atMs === null) sql.exec('delete from due where id = ?', id);
    else sql.exec('insert or replace into due values (?, ?)', id, atMs);
  }

  #earliest(): number | null {
    const query = 'select min(at_ms) as at_ms from due';
    return this.ctx.storage.sql.exec<{ at_ms: number | null }>(query).one().at_ms;
  }
}
