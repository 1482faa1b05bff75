import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { CliError, interruption, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { projectDirectory } from '../program/project.ts';
import { algorithmOption } from '../secrets/algorithm.ts';

const readVariables = (usage: string) => {
  const { with: given } = readOptions({ with: { type: 'string', multiple: true, default: [] } }, usage);
  return { DRILL_VARIABLES: JSON.stringify(Object.fromEntries(given.map(readAssignment))) };
};

const readAssignment = (text: string): [string, string] => {
  const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new CliError(`--with wants NAME=VALUE, and not ${text}`);
  // A service that does not read the variable would pass, and prove nothing.
  if (!isConfigVariable(name)) throw new CliError(`--with: ${name} is no variable of Itsor`);
  return [name, value];
};

const withVariables = `
  With --with NAME=VALUE, also several times, the service has that variable; what the drill expects stays the same, so
  that a service which does not do what the runbook says fails.`;

const drills = {
  'auth-incident': {
    usage: `npm run drill:auth-incident [-- --with NAME=VALUE]
  Guesses passwords at a service of its own, takes an account and a refresh token, and goes through
  docs/runbooks/auth-incident.md: what /metrics and the audit trail show, and which logins succeed after each step.${withVariables}`,
    read: readVariables,
    proves: 'The attackers were locked out, and what they took is back.',
  },
  scaling: {
    usage: `npm run drill:scaling [-- --with NAME=VALUE]
  Sends more logins at once than passwords can be hashed, and more requests than a network and a user may, to a service
  of its own: the answers, the effect on others, and what docs/runbooks/scaling.md reads from /metrics.${withVariables}`,
    read: readVariables,
    proves: 'What was too much was refused at once, and nobody else noticed.',
  },
  rotation: {
    usage: `npm run drill:rotation [-- --in-one-step] [-- --algorithm ES256]
  Rotates JWT_SECRET and SECRET_KEY under clients that log in, refresh and call /auth/me all the time, at a service of
  which old and new isolates answer side by side, as Cloudflare's do while a change spreads. In one step, requests fail:
  the steps prevent that. With --algorithm access tokens are signed under that algorithm afterwards, and then under HS256
  again.`,
    read: (usage: string) => {
      const options = { 'in-one-step': { type: 'boolean' }, algorithm: { type: 'string' } } as const;
      const { 'in-one-step': isOneStep, algorithm } = readOptions(options, usage);
      return {
        DRILL_ROTATION: isOneStep ? 'in one step' : 'in steps',
        DRILL_ALGORITHM: algorithmOption(algorithm) ?? '',
      };
    },
    proves: 'No client noticed the rotation.',
  },
  restore: {
    usage: `npm run drill:restore [-- --from file]
  Backs up a database of sample accounts, destroys it, restores it, compares every table, and runs the smoke test on a
  Worker that uses it. With --from it restores that backup instead. In a folder of its own, or with LOCAL_POSTGRES_URL
  in databases of its own on that server; .data and the databases that are there stay as they are.`,
    read: (usage: string) => {
      const { from } = readOptions({ from: { type: 'string' } }, usage);
      return { DRILL_FROM: from === undefined ? '' : resolve(from) };
    },
    proves: 'Everything came back, and the service works on it.',
  },
} as const;

const isDrill = (name: string): name is keyof typeof drills => Object.hasOwn(drills, name);

// Runs the test of the same name, which prints its steps.
runProgram(async () => {
  const [name = ''] = process.argv.splice(2, 1);
  if (!isDrill(name)) {
    const every = Object.values(drills).map(({ usage }) => usage);
    if (name !== '--help') throw new CliError(`Which drill?\n\n${every.join('\n')}`);
    return console.log(every.join('\n'));
  }
  const { usage, read, proves } = drills[name];
  const given = read(usage);
  const asked = interruption(
    () => 'a folder in the temporary directory, and perhaps a database of the drill',
  );
  const directory = await mkdtemp(join(tmpdir(), 'itsor-drill-'));
  try {
    const passes = await runTest(name, { ...given, TMPDIR: directory }, asked);
    if (passes) console.log(styleText('green', `✓ ${proves}`));
    else process.exitCode = 1;
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
  if (asked.aborted) throw new CliError('✗ The drill was stopped before its end, and nothing of it is left.');
});

/** The test prints its steps, and the reporter the failure. @returns whether the test passes */
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
  asked.addEventListener('abort', () => void signalGroup(child.pid, 'SIGINT'));
  const [status] = await once(child, 'exit');
  // vitest ends at once, and its worker when the stack of the drill is gone.
  while (signalGroup(child.pid, 0)) await sleep(50);
  return status === 0;
};

/** False once every process of the group has ended. */
const signalGroup = (pid: number | undefined, signal: NodeJS.Signals | 0): boolean => {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
};
