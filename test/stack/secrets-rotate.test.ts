import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { environmentOf } from '../../scripts/program/child.ts';
import { runProgram } from '../support/node/program.ts';
import { createStandInWrangler, type StandInWrangler } from '../support/node/stand-in-wrangler.ts';

const present = {
  JWT_SECRET: 'h2Vt9Kq4Wm7Zx1Cb6Nr3Lp8Js5Gd0FyQ',
  SECRET_KEY: 'Rk4Tn8Wp2Ys6Xc1Vb7Mq3Lh9Jg5Fd0SaZ',
};

describe('npm run secrets:rotate', () => {
  let directory: string;
  let wrangler: StandInWrangler;
  let turn = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'itsor-rotate-'));
  });
  afterAll(() => rm(directory, { recursive: true }));
  beforeEach(async () => {
    turn++;
    wrangler = await createStandInWrangler({ 'secret bulk': 'done' });
  });
  afterEach(() => wrangler.close());

  const file = () => join(directory, `saved-${turn}.env`);
  const rotate = (args: readonly string[], env: Readonly<Record<string, string>> = present) =>
    runProgram('scripts/secrets-rotate.ts', args, { ...wrangler.env, ...env });
  const given = async () =>
    (await wrangler.inputs()).map((input) => JSON.parse(input) as Record<string, string | null>);

  it('announces the new values, then signs with them; no value is an argument or printed', async () => {
    const run = await rotate(['--env', 'production', '--save', file(), '--wait', '0']);
    expect(run.status).toBe(0);
    expect(await wrangler.calls()).toEqual(Array(2).fill('secret bulk --env production'));
    const [announce, change] = await given();
    expect(announce).toEqual({
      JWT_SECRET_PREVIOUS: change?.JWT_SECRET,
      SECRET_KEY_PREVIOUS: change?.SECRET_KEY,
    });
    expect(change).toMatchObject({
      JWT_SECRET_PREVIOUS: present.JWT_SECRET,
      SECRET_KEY_PREVIOUS: present.SECRET_KEY,
    });
    for (const value of [...Object.values(present), ...Object.values(change ?? {})])
      expect(run.output).not.toContain(value);
    expect(parseEnv(await readFile(file(), 'utf8'))).toEqual(change);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it('says how to go on when it is interrupted between the steps', async () => {
    const child = spawn(
      process.execPath,
      ['scripts/secrets-rotate.ts', '--env', 'production', '--save', file(), '--wait', '60'],
      { env: environmentOf({ ...wrangler.env, ...present }), stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const said = Promise.all([text(child.stderr), once(child, 'close')]);
    await vi.waitFor(async () => expect(await wrangler.calls()).toHaveLength(1), { timeout: 20_000 });
    // The answer to the first step is on its way.
    await sleep(1_000);
    child.kill('SIGINT');
    const [stderr, [status]] = await said;
    expect(status).toBe(1);
    expect(stderr).toContain('interrupted before the step "switch"');
    expect(stderr).toContain(`npx wrangler secret bulk ${file()} --env production`);
    expect(await wrangler.calls()).toHaveLength(1);
  });

  it('with --dry-run prints each step, and changes nothing', async () => {
    const run = await rotate(['--env', 'staging', '--dry-run', '--only', 'SECRET_KEY']);
    expect(run.status).toBe(0);
    expect(run.output).toMatch(/# announce[\s\S]*SECRET_KEY_PREVIOUS[\s\S]*# switch/);
    expect(run.output).not.toContain('JWT_SECRET');
    expect(run.output).toMatch(/SECRET_KEY: \[redacted, \d+ bytes\]/);
    // Neither a present value nor a new one, which has 43 characters of base64url.
    expect(run.output).not.toContain(present.SECRET_KEY);
    expect(run.output).not.toMatch(/[\w-]{32}/);
    expect(await wrangler.calls()).toEqual([]);
  });

  it('with --leaked asks, and changes nothing where nobody can answer', async () => {
    const run = await rotate(['--env', 'production', '--leaked', '--save', file()]);
    expect(run).toMatchObject({ status: 1, output: expect.stringContaining('give --yes') });
    expect(await wrangler.calls()).toEqual([]);
    await expect(stat(file())).rejects.toThrow('ENOENT');
  });

  it('with --leaked leaves nothing of the old value; with --retire takes the earlier ones away', async () => {
    await rotate(['--env', 'production', '--leaked', '--yes', '--only', 'JWT_SECRET', '--save', file()]);
    await rotate(['--env', 'production', '--retire', '--only', 'SECRET_KEY']);
    expect(await given()).toEqual([
      { JWT_SECRET: expect.any(String), JWT_SECRET_PREVIOUS: null },
      { SECRET_KEY_PREVIOUS: null },
    ]);
  });

  it('with --algorithm takes another kind of key, in the same two steps, and prints none of it', async () => {
    const args = ['--env', 'production', '--only', 'JWT_SECRET', '--wait', '0'];
    const run = await rotate([...args, '--algorithm', 'ES256', '--save', file()]);
    expect(run.status).toBe(0);
    const [announce, change] = await given();
    expect(announce).toEqual({ JWT_PRIVATE_KEY_PREVIOUS: change?.JWT_PRIVATE_KEY });
    expect(change).toEqual({
      JWT_ALGORITHM: 'ES256',
      JWT_SECRET: null,
      JWT_SECRET_PREVIOUS: present.JWT_SECRET,
      JWT_PRIVATE_KEY: expect.stringContaining('BEGIN PRIVATE KEY'),
      JWT_PRIVATE_KEY_PREVIOUS: null,
    });
    expect(run.output).not.toContain('PRIVATE KEY-');
    const saved = parseEnv(await readFile(file(), 'utf8')) as Record<string, string>;
    const { JWT_SECRET: _, JWT_PRIVATE_KEY_PREVIOUS: __, ...kept } = change ?? {};
    expect(saved).toEqual(kept);

    // What was saved is what the next rotation, and the retirement, read.
    expect(await rotate(['--env', 'production', '--only', 'JWT_SECRET', '--retire'], saved)).toMatchObject({
      status: 0,
    });
    expect((await given()).at(-1)).toEqual({ JWT_SECRET_PREVIOUS: null });
    const back = await rotate([...args, '--algorithm', 'HS256', '--dry-run'], saved);
    for (const line of [
      'JWT_ALGORITHM: HS256',
      'JWT_PRIVATE_KEY: deleted',
      'JWT_SECRET: [redacted, 43 bytes]',
    ])
      expect(back.output.split('# switch')[1]).toContain(line);
  });

  it('waits longer for a key that is published, because other services keep the key set', async () => {
    const child = spawn(
      process.execPath,
      ['scripts/secrets-rotate.ts', '--env', 'production', '--algorithm', 'ES256', '--save', file()],
      { env: environmentOf({ ...wrangler.env, ...present }), stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const said = Promise.all([text(child.stderr), once(child, 'close')]);
    await vi.waitFor(async () => expect(await wrangler.calls()).toHaveLength(1), { timeout: 20_000 });
    await sleep(1_000);
    child.kill('SIGINT');
    const [stderr] = await said;
    expect(stderr).toContain('… 360 seconds');
    expect(stderr).toContain('npx wrangler secret delete JWT_SECRET --env production');
  });

  it('stops when wrangler fails, with the new values saved and the service as before', async () => {
    const failing = await createStandInWrangler({ 'secret bulk': { fails: 'Authentication error' } });
    const run = await rotate(['--env', 'production', '--save', file(), '--wait', '0'], {
      ...present,
      ...failing.env,
    });
    expect(run).toMatchObject({
      status: 1,
      output: expect.stringMatching(/did not take the step "announce": Authentication error/),
    });
    expect(await failing.calls()).toHaveLength(1);
    await failing.close();
    expect(await readFile(file(), 'utf8')).toContain('JWT_SECRET=');
  });

  it('says what a failure means where a secret is leaked, and repeats no value that wrangler quotes', async () => {
    const earlier = 'Mf4Qz9Xc2Vb7Nn1Lk6Jh3Gd8Sa5Pw0Oi';
    const quoting = await createStandInWrangler({
      'secret bulk': { fails: `cannot take ${earlier}` },
    });
    const leaked = await rotate(
      ['--env', 'production', '--leaked', '--yes', '--only', 'JWT_SECRET', '--save', file()],
      {
        ...present,
        ...quoting.env,
      },
    );
    expect(leaked).toMatchObject({
      status: 1,
      output: expect.stringMatching(/The old values may still be good/),
    });
    expect(leaked.output).toContain(`npx wrangler secret bulk ${file()} --env production`);
    const rotation = await rotate(['--env', 'production', '--wait', '0', '--save', `${file()}-2`], {
      ...present,
      JWT_SECRET_PREVIOUS: earlier,
      ...quoting.env,
    });
    expect(rotation.output).toContain('cannot take [redacted]');
    await quoting.close();
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ['no environment', ['--save', 'x'], present, /Which environment/],
    ['an environment that there is not', ['--env', 'moon', '--dry-run'], present, /moon/],
    ['nowhere to save', ['--env', 'production'], present, /--save FILE is needed/],
    [
      'no present value',
      ['--env', 'production', '--dry-run'],
      { JWT_SECRET: present.JWT_SECRET },
      /present SECRET_KEY is needed/,
    ],
    ['a stranger to rotate', ['--env', 'production', '--only', 'DATABASE_URL'], present, /not DATABASE_URL/],
    [
      'an algorithm that there is not',
      ['--env', 'production', '--algorithm', 'none'],
      present,
      /--algorithm must be one of/,
    ],
    [
      'an algorithm without its key',
      ['--env', 'production', '--algorithm', 'ES256', '--only', 'SECRET_KEY'],
      present,
      /--only leaves out/,
    ],
    [
      'an algorithm at the end',
      ['--env', 'production', '--algorithm', 'ES256', '--retire'],
      present,
      /leave --algorithm out/,
    ],
    ['two ways at once', ['--env', 'production', '--leaked', '--retire'], present, /not both/],
    [
      'a present value that would be refused as a previous one',
      ['--env', 'production', '--dry-run'],
      { ...present, SECRET_KEY: 'short' },
      /SECRET_KEY_PREVIOUS.*Nothing was changed/s,
    ],
  ])('refuses %s in one sentence, and changes nothing', async (_, args, env, says) => {
    const run = await rotate(args, env);
    expect(run).toMatchObject({ status: 1, output: expect.stringMatching(says) });
    expect(run.output).not.toMatch(/\n\s+at /);
    expect(await wrangler.calls()).toEqual([]);
  });

  it('does not overwrite a file, which may hold the only copy of a secret', async () => {
    await writeFile(file(), 'precious');
    const run = await rotate(['--env', 'production', '--save', file()]);
    expect(run).toMatchObject({ status: 1, output: expect.stringMatching(/EEXIST.*Nothing was changed/) });
    expect(await readFile(file(), 'utf8')).toBe('precious');
    expect(await wrangler.calls()).toEqual([]);
  });
});
