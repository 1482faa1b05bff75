import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { configVariableNames } from '../../src/config/variables.ts';
import { projectDirectory } from './project.ts';

export type Run = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** No variable of Itsor: neither of this environment, nor of `.dev.vars`, over which an empty one wins. */
const blank = Object.fromEntries([...configVariableNames, 'LOCAL_POSTGRES_URL'].map((name) => [name, '']));

export const environmentOf = (variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...blank,
  ...variables,
});

/** Runs one of the programs of scripts/ to its end, with the given variables of Itsor and no others. */
export const runScript = async (
  [program, ...args]: readonly [string, ...string[]],
  variables: Readonly<Record<string, string>> = {},
): Promise<Run> => {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: projectDirectory,
    env: environmentOf(variables),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status: status as number | null, stdout, stderr };
};
