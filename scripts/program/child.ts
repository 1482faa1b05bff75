import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { configVariableNames } from '../../src/platform/config/variables.ts';
import { projectDirectory } from './project.ts';

export type Run = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Unsets every variable of Itsor: an empty one also wins over `.dev.vars`. */
export const unsetVariables: Readonly<Record<string, string>> = Object.fromEntries(
  [...configVariableNames, 'LOCAL_POSTGRES_URL'].map((name) => [name, '']),
);

/** This process's environment, with the given variables of Itsor and no others. */
export const environmentOf = (variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...unsetVariables,
  ...variables,
});

/** Runs a program of scripts/ to its end, or until `signal` aborts, with the given variables of Itsor and no others. */
export const runScript = async (
  [program, ...args]: readonly [string, ...string[]],
  variables: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Run> => {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: projectDirectory,
    env: environmentOf(variables),
  });
  const stop = () => void child.kill();
  signal?.addEventListener('abort', stop);
  try {
    return await collect(child);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
};

type WranglerOptions = {
  readonly env?: NodeJS.ProcessEnv;
  /** For its standard input, which no list of processes shows. */
  readonly input?: string;
  readonly timeoutMs?: number;
};

/**
 * Runs wrangler: the first on the PATH, which is this project's under npm, else this project's. It asks no questions, and
 * it has a process group of its own, so that Ctrl-C leaves its end to this program.
 */
export const runWrangler = async (
  args: readonly string[],
  { env = {}, input = '', timeoutMs = 300_000 }: WranglerOptions = {},
): Promise<Run> => {
  const path = [process.env.PATH, join(projectDirectory, 'node_modules/.bin')];
  const quiet = { NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' };
  const child = spawn('wrangler', args, {
    cwd: projectDirectory,
    env: { ...process.env, ...env, ...quiet, PATH: path.filter(Boolean).join(delimiter), CI: 'true' },
    detached: true,
  });
  let isOver = false;
  const limit = setTimeout(() => {
    isOver = true;
    killGroup(child);
  }, timeoutMs);
  try {
    const run = await collect(child, input);
    const late = `no answer within ${timeoutMs / 1000} seconds; its work may be done all the same`;
    return isOver ? { ...run, stderr: late } : run;
  } catch (error) {
    return { status: null, stdout: '', stderr: `wrangler cannot be run: ${(error as Error).message}` };
  } finally {
    clearTimeout(limit);
  }
};

/** Why wrangler failed, in one line. */
export const wranglerReason = ({ status, stdout, stderr }: Run): string => {
  const said = stripVTControlCharacters(`${stderr}\n${stdout}`);
  const line = /\[?ERROR\]?\s*(.+)/.exec(said)?.[1] ?? said.trim().split('\n')[0];
  return line || `wrangler ended with ${status}`;
};

const collect = async (child: ChildProcessWithoutNullStreams, input = ''): Promise<Run> => {
  // The child may end before it has read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr };
};

/** Ends a detached child with every process that it has started. */
export const killGroup = ({ pid }: ChildProcess): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: no process of the group is left.
  }
};
