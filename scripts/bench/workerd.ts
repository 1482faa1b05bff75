import { readdirSync } from 'node:fs';
import { cpuMsOfProcess, statusOf } from './processes.ts';

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

/** The time that the workerd of a process has computed, all threads together; null where the platform does not tell. */
export const cpuMsOf = (parent: number): number | null => {
  const pids = workerdsOf(parent);
  if (pids === null || pids.length === 0) return null;
  return pids.reduce((sum, pid) => sum + (cpuMsOfProcess(pid) ?? 0), 0);
};
