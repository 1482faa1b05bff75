import { sql } from '../database.ts';

/** What another transaction keeps locked while flows are sent: the account's row, or those of its sessions. */
export type Held = 'account' | 'sessions';

const classId = 12;
let lastKey = 0;

/** Runs the statements again and again on the server, until they say `exit`; for five seconds at most. */
const loop = (declarations: string, statements: string) =>
  sql.query(`do $$ declare ${declarations} begin
    for turn in 1..1000 loop
      ${statements}
      perform pg_sleep(0.005);
    end loop;
  end $$`);

export type Hold = {
  /** Waits until so many other transactions wait for it, or for one that does; or until it is released. */
  readonly untilWaiting: (count: number) => Promise<unknown>;
  readonly release: () => Promise<void>;
};

/** Locks the rows from another connection until they are released. */
export const holdRows = async (userId: string, held: Held): Promise<Hold> => {
  const key = ++lastKey;
  const released = `released-${crypto.randomUUID()}`;
  const transaction = sql.transaction([
    held === 'account'
      ? sql`select from users where id = ${userId} for update`
      : sql`select from sessions where user_id = ${userId} for update`,
    // Others learn by this lock that the rows are held, and by whom.
    sql`select pg_advisory_xact_lock(${classId}::int, ${key}::int)`,
    loop('', `exit when exists (select from scan_events where id = '${released}');`),
  ]);
  const isHolder = `locktype = 'advisory' and classid = ${classId} and objid = ${key} and granted
    and database = (select oid from pg_database where datname = current_database())`;
  await loop('', `exit when exists (select from pg_locks where ${isHolder});`);

  return {
    untilWaiting: (count) =>
      loop(
        'length int;',
        `with recursive queue as (
          select pid from pg_locks where ${isHolder}
          union
          select blocked.pid from queue join (select distinct pid from pg_locks where not granted) blocked
            on queue.pid = any(pg_blocking_pids(blocked.pid))
        )
        select count(*) into length from queue;
        exit when length = 0 or length > ${count};`,
      ),
    release: async () => {
      await sql`insert into scan_events (id, received_at) values (${released}, now())`;
      await transaction;
    },
  };
};
