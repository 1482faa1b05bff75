import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { projectDirectory } from '../../scripts/program/project.ts';

const source = join(projectDirectory, 'packages/hono-auth');
const project = mkdtempSync(join(tmpdir(), 'itsor-package-'));
const installed = join(project, 'node_modules/@itsor/hono-auth');
// The compiler runs as a program, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

const tsc = (args: readonly string[], cwd: string): void => {
  const options = { cwd, encoding: 'utf8', stdio: 'pipe' } as const;
  try {
    execFileSync(join(projectDirectory, 'node_modules/.bin/tsc'), args, options);
  } catch (error) {
    throw new Error(String((error as { stdout: string }).stdout));
  }
};

beforeAll(() => {
  mkdirSync(installed, { recursive: true });
  tsc(['-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')], source);
  cpSync(join(source, 'package.json'), join(installed, 'package.json'));
  for (const peer of ['hono', 'jose'])
    symlinkSync(join(projectDirectory, 'node_modules', peer), join(project, 'node_modules', peer));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(project, { recursive: true }));

it('the examples in the README of @itsor/hono-auth compile in a strict project that has installed it', () => {
  const readme = readFileSync(join(source, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
  expect(examples).toHaveLength(2);
  const names = examples.map((code, index) => {
    writeFileSync(join(project, `example-${index}.ts`), code);
    return `example-${index}.ts`;
  });
  const options = '--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --target esnext';
  const modules = '--module nodenext --verbatimModuleSyntax --lib esnext,dom --types';
  tsc([...names, ...`${options} --skipLibCheck ${modules}`.split(' '), ''], project);
});

it('after requireUser the person is not null, and before it they may be', () => {
  const code = (guard: string) => `
    import { type AuthVariables, itsorAuth, type OnlineAuth, requireUser } from '@itsor/hono-auth';
    import { Hono } from 'hono';
    const app = new Hono<{ Variables: AuthVariables<OnlineAuth> }>().use(itsorAuth({ binding: 'AUTH' }));
    app.get('/', ${guard} (c) => c.text(c.get('auth').user.email));
    export default app;`;
  const compile = (guard: string) => {
    writeFileSync(join(project, 'guarded.ts'), code(guard));
    tsc(
      'guarded.ts --noEmit --strict --skipLibCheck --target esnext --module nodenext --lib esnext,dom'.split(
        ' ',
      ),
      project,
    );
  };
  expect(() => compile('requireUser(),')).not.toThrow();
  expect(() => compile('')).toThrow(/possibly 'null'/);
});

it('the package runs from what its exports name, and needs nothing but hono and jose', async () => {
  const { exports, dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  );
  expect(dependencies).toBeUndefined();
  expect(Object.keys(peerDependencies)).toEqual(['hono', 'jose']);
  const { itsorAuth } = await import(join(installed, exports['.'].default));
  expect(itsorAuth({ binding: 'AUTH' })).toBeTypeOf('function');
});
