import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { runScript } from '../../scripts/program/child.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import { strictEnv } from '../unit/config-fixtures.ts';

const generate = (...args: string[]) => runScript(['scripts/secrets-generate.ts', ...args]);
const { JWT_SECRET: _, SECRET_KEY: __, ...strict } = strictEnv;

it('prints the four secrets of the default algorithm, one to a line, and nothing else', async () => {
  const run = await generate();
  expect(run).toMatchObject({ status: 0, stderr: '' });
  const names = run.stdout
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  expect(names).toEqual(['JWT_SECRET', 'SECRET_KEY', 'METRICS_TOKEN', 'SCAN_CALLBACK_SECRET']);
});

it.each(['HS256', 'HS384', 'HS512', 'ES256', 'EdDSA', 'RS256', 'es256'])(
  'with --algorithm %s prints values that a strict environment starts with, without a warning',
  async (algorithm) => {
    const run = await generate('--algorithm', algorithm);
    const values = parseEnv(run.stdout);
    const loaded = loadConfig({ ...strict, ...values });
    expect(loaded).toMatchObject({ ok: true, warnings: [] });
    expect(loaded.ok && loaded.config.jwt.algorithm.toLowerCase()).toBe(algorithm.toLowerCase());
    expect(run.stderr).toContain(`npm run secrets:rotate -- --env … --algorithm`);
  },
);

it('prints a private key on one line, which grep finds, a shell reads, and Itsor takes from either', async () => {
  const run = await generate('--algorithm', 'ES256');
  const directory = await mkdtemp(join(tmpdir(), 'itsor-generate-'));
  try {
    const file = join(directory, 'production.env');
    await writeFile(file, run.stdout);
    const sourced = execFileSync('sh', ['-c', `. "${file}"; printf %s "$JWT_PRIVATE_KEY"`], {
      encoding: 'utf8',
    });
    const grepped = execFileSync('grep', ['-E', '^JWT_PRIVATE_KEY=', file], { encoding: 'utf8' });
    const keys = [
      sourced,
      parseEnv(grepped).JWT_PRIVATE_KEY,
      parseEnv(await readFile(file, 'utf8')).JWT_PRIVATE_KEY,
    ];
    const read = keys.map((key) => {
      const loaded = loadConfig({ JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: key });
      return loaded.ok && loaded.config.jwt.privateKey?.reveal();
    });
    expect(read[0]).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(new Set(read).size).toBe(1);
  } finally {
    await rm(directory, { recursive: true });
  }
});

it.each(['secrets-generate', 'secrets-rotate', 'dev'])(
  '%s refuses an --algorithm that npm keeps to itself, instead of going on without it',
  async (program) => {
    const run = await runScript([`scripts/${program}.ts`], { npm_config_algorithm: 'ES256' });
    expect(run).toMatchObject({ status: 1, stdout: '' });
    expect(run.stderr).toMatch(/^npm keeps that --algorithm to itself: npm run \S+ -- --algorithm/);
  },
);

it('says in a sentence what it does not know', async () => {
  const run = await generate('--algorithm', 'none');
  expect(run).toMatchObject({ status: 1, stdout: '' });
  expect(run.stderr).toMatch(/^--algorithm must be one of HS256, .*ES256/);
});
