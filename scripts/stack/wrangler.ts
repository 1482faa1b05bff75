import { spawn } from 'node:child_process';
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
};

/** Runs wrangler: the first on the PATH, which is this project's under npm, else this project's. It asks nothing. */
export const runWrangler = async (
  args: readonly string[],
  { env = {}, input = '' }: Options = {},
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
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // It may end before it has read.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status: status as number | null, stdout, stderr };
};

/** Why it failed, in one line of its own. */
export const wranglerReason = ({ status, stdout, stderr }: Run): string => {
  const said = stripVTControlCharacters(`${stderr}\n${stdout}`);
  const line = /\[?ERROR\]?\s*(.+)/.exec(said)?.[1] ?? said.trim().split('\n')[0];
  return line || `wrangler ended with ${status}`;
};
