import { Client } from 'pg';
import { isLoopback } from '../../stack/database-plan.ts';
import { connectionTimeoutMillis } from '../../stack/pool.ts';
import { cpuMsOfProcess, statusOf } from '../processes.ts';
import type { ServerDatabase } from '../server-database.ts';

/** Milliseconds that each backend of a database has computed, by its process id. */
type Backends = ReadonlyMap<number, number>;

export type PostgresCpu = {
  readonly version: string;
  /** Null where the system does not tell: elsewhere than on Linux, on another machine, in a container. */
  readonly read: () => Promise<Backends | null>;
  readonly close: () => Promise<void>;
};

/** Backends that have begun meanwhile count from their start; those that have ended were idle. */
export const cpuMsBetween = (before: Backends, after: Backends): number =>
  [...after].reduce((sum, [pid, ms]) => sum + ms - (before.get(pid) ?? 0), 0);

/** Watches the backends of a database over a connection to another one, so that its own backend does not count. */
export const watchPostgresCpu = async ({ serverUrl, name }: ServerDatabase): Promise<PostgresCpu> => {
  const client = new Client({ connectionString: serverUrl, connectionTimeoutMillis });
  client.on('error', () => {});
  await client.connect();
  const { rows: versions } = await client.query<{ server_version: string }>('show server_version');
  return {
    version: versions[0]?.server_version.split(' ')[0] ?? '',
    read: async () => {
      if (!isLoopback(new URL(serverUrl).hostname)) return null;
      const { rows } = await client.query<{ pid: number }>(
        "select pid from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
        [name],
      );
      const backends = new Map<number, number>();
      for (const { pid } of rows) {
        // In a container a server counts its processes from one, and here another process may have that number.
        const ms = statusOf(pid, 'Name') === 'postgres' ? cpuMsOfProcess(pid) : null;
        if (ms !== null) backends.set(pid, ms);
      }
      return rows.length > 0 && backends.size === 0 ? null : backends;
    },
    close: () => client.end(),
  };
};
