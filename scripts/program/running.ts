import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a process exists. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

const lookEveryMs = 250;

/**
 * Resolves when the npm that started this process is gone; never without one. A killed npm tells its child nothing, and
 * where a shell stands between the two, this process keeps its parent.
 */
export const npmGone = async (): Promise<void> => {
  if (!process.env.npm_lifecycle_event) return new Promise(() => {});
  const parent = process.ppid;
  const npm = shellParent(parent) ?? parent;
  while (process.ppid === parent && isRunning(npm)) await sleep(lookEveryMs, undefined, { ref: false });
};

/** The parent of a shell; null where the process is none, or where no `ps` tells. */
const shellParent = (pid: number): number | null => {
  const { stdout } = spawnSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)], { encoding: 'utf8' });
  const [, parent] = /^\s*(\d+)\s+(?:\S*\/)?-?(?:ba|da|z|k|fi)?sh\s*$/.exec(stdout ?? '') ?? [];
  return parent === undefined ? null : Number(parent);
};
