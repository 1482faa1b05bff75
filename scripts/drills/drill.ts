import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { CliError, interruption, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { projectDirectory } from '../program/project.ts';

const drills = {
  'auth-incident': {
    does: `Guesses passwords at a service of its own, takes an account and a refresh token, and goes through
  docs/runbooks/auth-incident.md: what /metrics and the audit trail show, and which logins succeed after each step.`,
    proves: 'The attackers were locked out, and what they took is back.',
  },
  scaling: {
    does: `Sends more logins at once than passwords can be hashed, and more requests than a network and a user may, to a
  service of its own: the answers, the effect on others, and what docs/runbooks/scaling.md reads from /metrics.`,
    proves: 'What was too much was refused at once, and nobody else noticed.',
  },
} as const;

// npm run drill:auth-incident, npm run drill:scaling: the test of the same name, which prints its steps.
runProgram(async () => {
  const [name] = process.argv.splice(2, 1) as [keyof typeof drills];
  const { does, proves } = drills[name];
  const usage = `npm run drill:${name} [-- --with NAME=VALUE]
  ${does}
  With --with NAME=VALUE, also several times, the service has that variable; what the drill expects stays the same, so
  that a service which does not do what the runbook says fails.`;
  const { with: given } = readOptions({ with: { type: 'string', multiple: true, default: [] } }, usage);
  const variables = Object.fromEntries(given.map(readAssignment));
  const asked = interruption(() => 'a folder in the temporary directory');
  const directory = await mkdtemp(join(tmpdir(), 'itsor-drill-'));
  try {
    const passes = await runTest(
      name,
      { DRILL_VARIABLES: JSON.stringify(variables), TMPDIR: directory },
      asked,
    );
    if (asked.aborted) throw new CliError('✗ The drill was stopped before its end.');
    if (passes) console.log(styleText('green', `✓ ${proves}`));
    else process.exitCode = 1;
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
});

const readAssignment = (text: string): [string, string] => {
  const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new CliError(`--with wants NAME=VALUE, and not ${text}`);
  // A service without it would do what is expected, and prove nothing.
  if (!isConfigVariable(name)) throw new CliError(`--with: ${name} is no variable of Itsor`);
  return [name, value];
};

/** The test prints its steps, and the reporter what is wrong. @returns whether the test passes */
const runTest = async (name: string, env: NodeJS.ProcessEnv, asked: AbortSignal): Promise<boolean> => {
  const child = spawn(
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', '--project', 'stack', '--retry', '0'],
      ...['--disable-console-intercept', '--reporter', './scripts/drills/reporter.ts'],
      `test/stack/drill-${name}.test.ts`,
    ],
    {
      cwd: projectDirectory,
      env: { ...process.env, ...env },
      // In a group of its own: a Ctrl-C leaves to this program when the test ends.
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  asked.addEventListener('abort', () => void signalGroup(child.pid, 'SIGTERM'));
  const [status] = await once(child, 'exit');
  while (signalGroup(child.pid, 0)) await sleep(50);
  return status === 0;
};

/** False once nobody of the group is left. */
const signalGroup = (pid: number | undefined, signal: NodeJS.Signals | 0): boolean => {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
};
