import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { configVariableNames } from '../../src/platform/config/variables.ts';
import { projectDirectory } from './project.ts';

export type Run = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** No variable of Itsor: neither of this environment, nor of `.dev.vars`, over which an empty one wins. */
const blank = Object.fromEntries([...configVariableNames, 'LOCAL_POSTGRES_URL'].map((name) => [name, '']));

export const environmentOf = (variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...blank,
  ...variables,
});

/** Runs one of the programs of scripts/ to its end, or until a signal aborts, with the given variables and no others of Itsor. */
export const runScript = async (
  [program, ...args]: readonly [string, ...string[]],
  variables: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Run> => {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: projectDirectory,
    env: environmentOf(variables),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = () => void child.kill();
  signal?.addEventListener('abort', stop);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  signal?.removeEventListener('abort', stop);
  return { status: status as number | null, stdout, stderr };
};
