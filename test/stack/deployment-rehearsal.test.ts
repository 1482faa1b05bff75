import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { runScript, runWrangler } from '../../scripts/program/child.ts';

const page = readFileSync('docs/deployment.md', 'utf8');

/** The first block of a language. */
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'm').exec(page)?.[1] ?? '';

const directory = mkdtempSync(join(tmpdir(), 'itsor-rehearsal-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** production.env, as the page writes it. */
const values = parseEnv(block('ini')) as Record<string, string>;
/** The variables that the page puts into wrangler.toml. */
const vars = Object.fromEntries(
  [...block('toml').matchAll(/^([A-Z_]+) = "(.*)"$/gm)].map(([, name = '', value = '']) => [name, value]),
);

describe('the rehearsal of docs/deployment.md', () => {
  test('npm run build prints what the Worker binds, and deploys nothing', async () => {
    const run = await runWrangler(['deploy', '--dry-run', '--outdir', directory, '--env', 'production']);
    expect(run).toMatchObject({ status: 0, stdout: expect.stringContaining('--dry-run: exiting now') });
    const queues = [...page.matchAll(/wrangler (?:queues|r2 bucket) create (\S+)/g)].map(([, name]) => name);
    expect(queues).toHaveLength(5);
    for (const name of queues.filter((each) => !each?.endsWith('-dead'))) expect(run.stdout).toContain(name);
  });

  test('db:roles prints the statements of step 5 without a password', async () => {
    const run = await runScript(['scripts/db-roles.ts', '--dry-run'], values);
    expect(run).toMatchObject({ status: 0, stdout: expect.stringContaining('role itsor_migrator') });
    expect(run.stdout).not.toContain('APP_PASSWORD');
  });

  test.each([
    ['of the page', []],
    ['of the page, with a key that others can use', ['--algorithm', 'ES256']],
  ])('with the values %s, the doctor wants nothing but a database that answers', async (_, args) => {
    const generated = await runScript(['scripts/secrets-generate.ts', ...args]);
    const secrets = parseEnv(generated.stdout) as Record<string, string>;
    const run = await runScript(['scripts/doctor/doctor.ts', '--env', 'production', '--json'], {
      ...values,
      ...secrets,
      ...vars,
    });
    const { variables, findings } = JSON.parse(run.stdout) as Record<
      'variables' | 'findings',
      { level: string; name?: string; check?: string }[]
    >;
    const wrong = [...variables, ...findings].filter(({ level }) => level === 'failure');
    expect(wrong.map(({ name, check }) => name ?? check)).toEqual(['database']);
  });
});
