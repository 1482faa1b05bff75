import { readFileSync } from 'node:fs';

// What Linux tells of a process (proc(5)); elsewhere, and of one that has ended, there is nothing to read.

const fileOf = (pid: number | string, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
};

/** A field of /proc/<pid>/status; empty where there is none. */
export const statusOf = (pid: number | string, field: string): string =>
  new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(fileOf(pid, 'status'))?.[1] ?? '';

/** Linux counts in hundredths of a second. */
const tickMs = 10;

/**
 * Milliseconds that a process has computed, by its /proc/<pid>/stat: all its threads, and with `children` the processes
 * that it has started and waited for. Null where the text has no times.
 */
export const cpuMsIn = (stat: string, { children = false } = {}): number | null => {
  // The name, in parentheses, may have blanks and parentheses; utime, stime, cutime and cstime are fields 14 to 17.
  const times = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, children ? 15 : 13)
    .map(Number);
  if (times.length < 2 || times.some(Number.isNaN)) return null;
  return times.reduce((sum, ticks) => sum + ticks * tickMs, 0);
};

export const cpuMsOfProcess = (
  pid: number | string,
  options?: { readonly children: boolean },
): number | null => cpuMsIn(fileOf(pid, 'stat'), options);
