import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import project from '../../package.json' with { type: 'json' };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'itsor-'));
  const manifest = { type: 'module', dependencies: { one: '1' }, devDependencies: { '@a/two': '1' } };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  mkdirSync(join(directory, 'scripts'));
  writeFileSync(join(directory, 'scripts/dev.ts'), `console.log('started', ...process.argv.slice(2));`);
  cpSync('scripts/start-dev.js', join(directory, 'scripts/start-dev.js'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const install = (name: string) => mkdirSync(join(directory, 'node_modules', name), { recursive: true });
const start = () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/start-dev.js', '--reset'], {
    cwd: directory,
    encoding: 'utf8',
  });
  return [status, stdout, stderr];
};

it('npm run dev before npm install says so in one sentence, and also where one package is missing', () => {
  expect(project.scripts.dev).toBe('node scripts/start-dev.js');
  expect(start()).toEqual([
    1,
    '',
    expect.stringMatching(/^Run npm install first: the package one is missing \(and 1 more\)\.\n$/),
  ]);
  install('one');
  expect(start()).toEqual([
    1,
    '',
    expect.stringMatching(/^Run npm install first: the package @a\/two is missing\.\n$/),
  ]);
});

it('npm run dev starts with its options where every package is installed', () => {
  install('one');
  install('@a/two');
  expect(start()).toEqual([0, 'started --reset\n', '']);
});
