import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { withStack } from '../../scripts/bench/stack.ts';
import { environmentOf, runScript } from '../../scripts/program/child.ts';
import { CliError } from '../../scripts/program/cli.ts';
import { projectDirectory } from '../../scripts/program/project.ts';

const linesOf = (text: string) => text.trimEnd().split('\n');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'itsor-drills-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** With a directory of temporary files of its own, so that what it leaves is seen. */
const drill = (...args: string[]) => runScript(['scripts/drills/drill.ts', ...args], { TMPDIR: directory });

type Case = {
  readonly name: string;
  /** Variables that make no difference to the steps on a slow machine. */
  readonly given?: readonly string[];
  /** Some steps of a drill that passes; the last one is its last line. */
  readonly shows: readonly string[];
  /** Variables under which the service does not do what the runbook says, and what the drill says to that. */
  readonly faults: readonly (readonly [readonly string[], string])[];
};

describe.each<Case>([
  {
    name: 'auth-incident',
    shows: [
      '✓ from that network even the right password is refused',
      '✓ the owner is let in from another network',
      '✓ /metrics: 100 failed, 2 locked, 3 let in',
      '✓ the owner logs in with the new password',
      '✓ the thief presents the copied token and is refused',
      '✓ The attackers were locked out, and what they took is back.',
    ],
    faults: [
      [
        ['LOGIN_BRUTE_MAX_ATTEMPTS=50'],
        '✗ from that network even the right password is refused: 200, and not 429 login_locked',
      ],
      [['METRICS_TOKEN='], '✗ /metrics refuses a request without METRICS_TOKEN: 200, and not 401'],
    ],
  },
  {
    name: 'scaling',
    given: ['--with', 'ARGON2_MEMORY_KIB=7168', '--with', 'ARGON2_ITERATIONS=1'],
    shows: [
      '✓ /metrics: two round trips to the database and one hash',
      '✓ after the burst a login that was refused is let in',
      '✓ 150 requests of one user: 100 pass and 50 are 429 with Retry-After',
      '✓ /metrics: 101 decisions were to refuse, and every decision was made',
      '✓ What was too much was refused at once, and nobody else noticed.',
    ],
    faults: [
      [
        ['ARGON2_MEMORY_KIB=65536', 'REQUEST_TIMEOUT_MS=3000'],
        // Each hash takes so long that a short queue is full.
        expect.stringMatching(
          /^✗ 160 logins at once: (504 timeout among the answers|\d+ were let in, and not the 100 of the queue)$/,
        ),
      ],
      [
        ['RATE_LIMIT_MAX=140'],
        '✗ 150 requests from one network, RATE_LIMIT_MAX is 100: 140 passed and 10 were 429 with Retry-After, and not 100 and 50',
      ],
    ],
  },
])('npm run drill:$name', { timeout: 240_000 }, ({ name, given = [], shows, faults }) => {
  it('shows every step, and leaves nothing behind', async () => {
    const { status, stdout, stderr } = await drill(name, ...given);
    expect({ status, failed: linesOf(stderr).filter((line) => line.startsWith('✗')) }).toEqual({
      status: 0,
      failed: [],
    });
    expect(linesOf(stdout)).toEqual(expect.arrayContaining([...shows]));
    expect(linesOf(stdout).filter((line) => !line.startsWith('✓ '))).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it.each(faults)('fails at a service with %o, and leaves nothing behind', async (assignments, says) => {
    const { status, stdout, stderr } = await drill(name, ...assignments.flatMap((each) => ['--with', each]));
    // Before it, workerd may tell of a client that has gone.
    expect({ status, says: linesOf(stderr).at(-1) }).toEqual({ status: 1, says });
    expect(stdout).not.toContain(shows.at(-1));
    expect(await readdir(directory)).toEqual([]);
  });

  it('refuses a name that is no variable', async () => {
    expect(await drill(name, '--with', 'nonsense')).toEqual({
      status: 1,
      stdout: '',
      stderr: '--with wants NAME=VALUE, and not nonsense\n',
    });
    expect(await drill(name, '--with', 'RATE_LIMIT_MX=1')).toEqual({
      status: 1,
      stdout: '',
      stderr: '--with: RATE_LIMIT_MX is no variable of Itsor\n',
    });
  });
});

describe('npm run drill:rotation', { timeout: 240_000 }, () => {
  it('counts the requests of clients that notice nothing', async () => {
    const { status, stdout } = await drill('rotation');
    expect(stdout).toMatch(/\d{2,} requests, .* among them: 0 failed/);
    expect(status).toBe(0);
  });

  it('fails in one step, which clients notice', async () => {
    const { status, stdout } = await drill('rotation', '--in-one-step');
    expect(stdout).toMatch(/[1-9]\d* failed\n/);
    expect(status).toBe(1);
  });
});

it('a drill that is stopped has failed, and leaves nothing behind', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, ['scripts/drills/drill.ts', 'auth-incident'], {
    cwd: projectDirectory,
    env: environmentOf({ TMPDIR: directory }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    // In the midst of it.
    if (stdout === '') child.kill('SIGINT');
    stdout += text;
  });
  const [status] = await once(child, 'close');
  expect(status).toBe(1);
  expect(stderr).toContain('✗ The drill was stopped before its end, and nothing of it is left.');
  expect(await readdir(directory)).toEqual([]);
});

it('a stack that is used for too long ends, and leaves nothing behind', { timeout: 60_000 }, async () => {
  vi.stubEnv('TMPDIR', directory);
  const using = withStack(() => new Promise(() => {}), { limitMs: 2_000 });
  await expect(using).rejects.toThrow(new CliError('✗ It took longer than 2 seconds.'));
  vi.unstubAllEnvs();
  expect(await readdir(directory)).toEqual([]);
});
