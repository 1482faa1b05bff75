import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import project from '../../package.json' with { type: 'json' };
import { runScript } from '../../scripts/program/child.ts';

const page = readFileSync('docs/operations.md', 'utf8');
const scripts: Readonly<Record<string, string>> = project.scripts;

const [, table = ''] = /^## Commands\n([\s\S]*?)\n## /m.exec(page) ?? [];
const operations = [...table.matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map(([, name]) => name ?? '');
const workshop = Object.keys(scripts).filter((name) => /^(?:bench|dev$|db:roles|argon2|docs:)/.test(name));

// db:migrate is drizzle-kit's own.
const programs = [...new Set([...operations, ...workshop])].filter((name) =>
  scripts[name]?.startsWith('node '),
);

it.each(programs)('npm run %s -- --help prints its usage', async (name) => {
  const [program = '', ...args] = (scripts[name] ?? '').replace(/^node /, '').split(' ');
  const run = await runScript([program, ...args, '--help']);
  expect(run).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`npm run ${name}`) });
});

// Those that no npm script starts, or that one starts with a name.
it.each([
  'build-assets.ts',
  'can-connect.ts',
  'count-tests.ts',
  'drills/drill.ts',
  'stack/serve-endpoint.ts',
])('scripts/%s --help prints its usage', async (name) => {
  const run = await runScript([`scripts/${name}`, '--help']);
  expect(run).toMatchObject({ status: 0, stderr: '' });
  expect(run.stdout).toMatch(/^(?:node scripts|npm run )/);
});

it.each([
  ['drills/drill.ts', [], 'Which drill?'],
  ['drills/drill.ts', ['toString'], 'Which drill?'],
  ['can-connect.ts', [], 'Which database?'],
])('scripts/%s with %j says what is missing, without a stack', async (name, args, says) => {
  const run = await runScript([`scripts/${name}`, ...args]);
  expect(run).toMatchObject({ status: 1, stderr: expect.stringContaining(says) });
  expect(run.stderr).not.toMatch(/\n\s+at /);
});
