import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import project from '../../package.json' with { type: 'json' };
import { runScript } from '../../scripts/program/child.ts';

const readme = readFileSync('README.md', 'utf8');
const scripts: Readonly<Record<string, string>> = project.scripts;

describe('the commands of the table of operations', () => {
  const [, table = ''] = /^## Operations\n([\s\S]*?)\nEach takes `--help`/m.exec(readme) ?? [];
  const names = [
    ...new Set([...table.matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map(([, name]) => name ?? '')),
  ];

  it.each(names)('%s tells how it is used', async (name) => {
    const [program = '', ...args] = (scripts[name] ?? '').replace(/^node /, '').split(' ');
    const run = await runScript([program, ...args, '--help']);
    expect(run).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`npm run ${name}`) });
  });
});
