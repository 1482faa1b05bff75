import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { projectDirectory } from './project.ts';
import type { Run } from './run-script.ts';

type Options = {
  readonly env?: NodeJS.ProcessEnv;
  /** For its standard input, which no list of processes shows. */
  readonly input?: string;
  /** How long it may take before it is ended. */
  readonly timeoutMs?: number;
};

/**
 * Runs wrangler: the first on the PATH, which is this project's under npm, else this project's. It asks nothing, and it
 * is of a process group of its own, so that a Ctrl-C leaves to this program when it ends.
 */
export const runWrangler = async (
  args: readonly string[],
  { env = {}, input = '', timeoutMs = 300_000 }: Options = {},
): Promise<Run> => {
  const path = [process.env.PATH, join(projectDirectory, 'node_modules/.bin')]
    .filter(Boolean)
    .join(delimiter);
  const child = spawn('wrangler', args, {
    cwd: projectDirectory,
    env: {
      ...process.env,
      ...env,
      PATH: path,
      CI: 'true',
      NO_COLOR: '1',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
    },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // It may end before it has read.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const limit = endAfter(child, timeoutMs);
  try {
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { status: status as number | null, stdout, stderr: limit.isOver() ? limit.reason : stderr };
  } catch (error) {
    return { status: null, stdout: '', stderr: `wrangler cannot be run: ${(error as Error).message}` };
  } finally {
    limit.clear();
  }
};

/** Ends its whole group: the program that wrangler starts does the work. */
const endAfter = (child: ChildProcess, timeoutMs: number) => {
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }, timeoutMs);
  return {
    isOver: () => isOver,
    reason: `no answer within ${timeoutMs / 1000} seconds; what it was asked to do may be done all the same`,
    clear: () => clearTimeout(timer),
  };
};

/** Why it failed, in one line of its own. */
export const wranglerReason = ({ status, stdout, stderr }: Run): string => {
  const said = stripVTControlCharacters(`${stderr}\n${stdout}`);
  const line = /\[?ERROR\]?\s*(.+)/.exec(said)?.[1] ?? said.trim().split('\n')[0];
  return line || `wrangler ended with ${status}`;
};
