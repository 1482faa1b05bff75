import { readdirSync, readFileSync } from 'node:fs';

const fileOf = (pid: string, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
};

/** A field of /proc/<pid>/status; empty where the platform has none, or the process has ended. */
const statusOf = (pid: string, field: string): string =>
  new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(fileOf(pid, 'status'))?.[1] ?? '';

/** The workerd processes that a process has started; null where the platform does not tell (Linux does). */
const workerdsOf = (parent: number): readonly string[] | null =>
  statusOf('self', 'Pid') === ''
    ? null
    : readdirSync('/proc').filter(
        (pid) => statusOf(pid, 'Name') === 'workerd' && statusOf(pid, 'PPid') === String(parent),
      );

/** The most memory that the workerd of a process has had. */
export const peakOf = (parent: number): string => {
  const pids = workerdsOf(parent);
  if (pids === null) return 'unknown';
  const peaksKib = pids.map((pid) => Number.parseInt(statusOf(pid, 'VmHWM'), 10));
  return `${Math.round(Math.max(0, ...peaksKib) / 1024)} MiB`;
};

/** Linux counts in hundredths of a second. */
const tickMs = 10;

/** The time that the workerd of a process has computed, all threads together; null where the platform does not tell. */
export const cpuMsOf = (parent: number): number | null => {
  const pids = workerdsOf(parent);
  if (pids === null || pids.length === 0) return null;
  return pids.reduce((sum, pid) => {
    // The name may have blanks; utime and stime are fields 14 and 15 of proc(5).
    const [user = 0, system = 0] =
      fileOf(pid, 'stat').split(') ').at(-1)?.split(' ').slice(11, 13).map(Number) ?? [];
    return sum + (user + system) * tickMs;
  }, 0);
};
