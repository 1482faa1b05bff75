import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = process.cwd();
const house = mkdtempSync(join(tmpdir(), 'itsor-house-'));
afterAll(() => rmSync(house, { recursive: true }));

cpSync(join(root, 'biome.json'), join(house, 'biome.json'));
cpSync(join(root, 'package.json'), join(house, 'package.json'));
cpSync(join(root, 'scripts/lint'), join(house, 'scripts/lint'), { recursive: true });

/** What the linter of this repository says to a file of the given text. */
const lint = (path: string, text: string): string => {
  const file = join(house, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  try {
    const biome = join(root, 'node_modules/.bin/biome');
    const options = { cwd: house, encoding: 'utf8', stdio: 'pipe' } as const;
    return execFileSync(biome, ['lint', '--vcs-enabled=false', '--max-diagnostics=none', path], options);
  } catch (error) {
    return String((error as { stderr: string }).stderr) + String((error as { stdout: string }).stdout);
  } finally {
    rmSync(file);
  }
};

const importing = (from: string) => `import { x } from '${from}';\nexport const y = x;\n`;

describe('the rules of the house are enforced', () => {
  it.each([
    ['src/domain/a.ts', '../errors.ts'],
    ['src/domain/a.ts', '../config/schema.ts'],
    ['src/domain/a.ts', 'hono'],
    ['src/domain/a.ts', 'drizzle-orm'],
    ['src/domain/a.ts', 'cloudflare:workers'],
    ['src/services/session/a.ts', 'hono'],
    ['src/services/session/a.ts', 'drizzle-orm'],
    ['src/services/session/a.ts', '../../db/schema.ts'],
    ['src/services/session/a.ts', '../../adapters/logger.ts'],
    ['src/services/session/a.ts', '../../http/problem.ts'],
    ['src/services/session/a.ts', '../account/me.ts'],
    ['src/routes/a.ts', '../repositories/accounts.ts'],
    ['src/routes/a.ts', '../db/client.ts'],
    ['src/routes/a.ts', '../adapters/logger.ts'],
    ['src/routes/a.ts', 'drizzle-orm'],
    ['src/repositories/a.ts', 'hono'],
    ['src/repositories/a.ts', '../services/account/me.ts'],
    ['src/adapters/a.ts', '../http/problem.ts'],
  ])('%s may not import %s', (path, from) => {
    expect(lint(path, importing(from))).toContain('noRestrictedImports');
  });

  it.each([
    ['src/domain/a.ts', './b.ts'],
    ['src/services/session/a.ts', '../../domain/session.ts'],
    ['src/services/session/a.ts', '../../errors.ts'],
    ['src/routes/a.ts', '../http/validate.ts'],
  ])('%s may import %s', (path, from) => {
    expect(lint(path, importing(from))).not.toContain('noRestrictedImports');
  });

  it.each(['Date.now()', 'new Date()', 'Math.random()'])(
    '%s is for the container and the Durable Objects',
    (call) => {
      const text = `export const x = () => ${call};\n`;
      for (const layer of [
        'domain',
        'services/session',
        'repositories',
        'http',
        'middleware',
        'routes',
        'adapters',
      ]) {
        expect(lint(`src/${layer}/a.ts`, text), layer).toContain('Time is ctx.now');
      }
      expect(lint('src/container.ts', text)).not.toContain('Time is ctx.now');
    },
  );

  it('a context is not spread, which would stop its clock', () => {
    const text = (given: string) =>
      `export const x = (ctx: object, c: { var: { ctx: object } }) => [ctx, c, { ...${given}, y: 1 }];\n`;
    for (const layer of ['services/session', 'repositories', 'http', 'middleware', 'routes', 'adapters']) {
      expect(lint(`src/${layer}/a.ts`, text('ctx')), layer).toContain('use withFacts');
      expect(lint(`src/${layer}/a.ts`, text('c.var.ctx')), layer).toContain('use withFacts');
    }
    expect(lint('src/http/a.ts', text('c.var'))).not.toContain('use withFacts');
  });

  it('only the configuration reads the bindings', () => {
    const text = 'export const x = (c: { env: { SECRET: string } }) => c.env.SECRET;\n';
    for (const layer of ['services/session', 'http', 'middleware', 'routes', 'adapters']) {
      expect(lint(`src/${layer}/a.ts`, text), layer).toContain('Only src/config reads');
    }
  });

  it('there are no import cycles and no barrel files', () => {
    writeFileSync(join(house, 'src/b.ts'), "import { a } from './a.ts';\nexport const b = () => a;\n");
    expect(lint('src/a.ts', "import { b } from './b.ts';\nexport const a = () => b;\n")).toContain(
      'noImportCycles',
    );
    rmSync(join(house, 'src/b.ts'));
    expect(lint('src/http/index.ts', "export { x } from './problem.ts';\n")).toContain('noBarrelFile');
  });

  it('no folder is a drawer for whatever fits nowhere', () => {
    const folders = (path: string): string[] =>
      readdirSync(path)
        .map((name) => join(path, name))
        .filter((entry) => statSync(entry).isDirectory())
        .flatMap((folder) => [folder, ...folders(folder)]);
    const names = ['src', 'scripts', 'test'].flatMap((top) => folders(join(root, top)));
    expect(names.filter((name) => /\/(?:utils?|lib|helpers?|common|misc|shared)$/.test(name))).toEqual([]);
  });
});
