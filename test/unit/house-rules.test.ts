import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { brokenRules, objection } from '../support/node/house.ts';

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

describe('the rules of the house are enforced', () => {
  it('in every import of src', () => {
    expect(brokenRules(root)).toEqual([]);
  });

  it.each([
    ['src/mail/rules/a.ts', 'hono'],
    ['src/mail/rules/a.ts', 'drizzle-orm'],
    ['src/mail/rules.ts', 'cloudflare:workers'],
    ['src/mail/rules/a.ts', 'src/platform/errors.ts'],
    ['src/mail/rules/a.ts', 'src/platform/config/schema.ts'],
    ['src/mail/rules/a.ts', 'src/mail/service/deliver.ts'],
    ['src/sessions/service/a.ts', 'hono'],
    ['src/sessions/service/a.ts', 'drizzle-orm'],
    ['src/sessions/service/a.ts', 'src/platform/db/schema.ts'],
    ['src/sessions/service/a.ts', 'src/platform/telemetry/logger.ts'],
    ['src/sessions/service/a.ts', 'src/platform/http/problem.ts'],
    ['src/sessions/service/a.ts', 'src/sessions/routes/auth.ts'],
    ['src/sessions/service/a.ts', 'src/sessions/refresh-tokens.ts'],
    ['src/sessions/routes/a.ts', 'src/sessions/sql/sessions.ts'],
    ['src/roles/routes.ts', 'src/roles/sql.ts'],
    ['src/roles/routes.ts', 'src/platform/db/client.ts'],
    ['src/roles/routes.ts', 'src/platform/telemetry/logger.ts'],
    ['src/roles/service.ts', 'src/administration/sql/users.ts'],
    ['src/roles/service.ts', 'src/sessions/refresh-tokens.ts'],
    ['src/roles/routes.ts', 'drizzle-orm'],
    ['src/roles/sql.ts', 'hono'],
    ['src/roles/sql.ts', 'src/roles/service/list.ts'],
    ['src/roles/sql.ts', 'src/app.ts'],
    ['src/uploads/inflater.ts', 'src/platform/http/problem.ts'],
    ['src/platform/mailers/ses.ts', 'src/mail/rules/outbox.ts'],
    ['src/platform/http/a.ts', 'src/sessions/http/cookies.ts'],
  ])('%s may not import %s', (from, to) => {
    expect(objection(from, to)).not.toBeNull();
  });

  it.each([
    ['src/mail/rules/a.ts', 'src/sessions/rules/device.ts'],
    ['src/mail/rules/a.ts', 'src/platform/rules/network.ts'],
    ['src/sessions/service/a.ts', 'src/sessions/rules/session.ts'],
    ['src/sessions/service/a.ts', 'src/platform/errors.ts'],
    ['src/roles/routes.ts', 'src/platform/http/validate.ts'],
    ['src/roles/routes.ts', 'hono'],
    ['src/roles/sql.ts', 'drizzle-orm'],
    ['src/mail/service.ts', 'src/mail/sql/outbox.ts'],
    ['src/mail/service.ts', 'src/platform/crypto/derived-keys.ts'],
    ['src/container.ts', 'src/sessions/sql/sessions.ts'],
  ])('%s may import %s', (from, to) => {
    expect(objection(from, to)).toBeNull();
  });

  it.each(['Date.now()', 'new Date()', 'Math.random()'])(
    '%s is for the container and the Durable Objects',
    (call) => {
      const text = `export const x = () => ${call};\n`;
      for (const layer of [
        'mail/rules',
        'sessions/service',
        'roles',
        'platform/http',
        'platform/telemetry',
      ]) {
        expect(lint(`src/${layer}/a.ts`, text), layer).toContain('Time is ctx.now');
      }
      for (const path of ['src/container.ts', 'src/login-guard/login-guard-object.ts'])
        expect(lint(path, text)).not.toContain('Time is ctx.now');
    },
  );

  it('a context is not spread, which would stop its clock', () => {
    const text = (given: string) =>
      `export const x = (ctx: object, c: { var: { ctx: object } }) => [ctx, c, { ...${given}, y: 1 }];\n`;
    for (const layer of ['sessions/service', 'mail/sql', 'platform/http', 'roles', 'uploads']) {
      expect(lint(`src/${layer}/a.ts`, text('ctx')), layer).toContain('use withFacts');
      expect(lint(`src/${layer}/a.ts`, text('c.var.ctx')), layer).toContain('use withFacts');
    }
    expect(lint('src/platform/http/a.ts', text('c.var'))).not.toContain('use withFacts');
  });

  it('only the configuration reads the bindings', () => {
    const text = 'export const x = (c: { env: { SECRET: string } }) => c.env.SECRET;\n';
    for (const layer of ['sessions/service', 'platform/http', 'platform/middleware', 'roles', 'uploads']) {
      expect(lint(`src/${layer}/a.ts`, text), layer).toContain('Only src/platform/config reads');
    }
  });

  it('there are no import cycles, types included, and no barrel files', () => {
    writeFileSync(join(house, 'src/b.ts'), "import { a } from './a.ts';\nexport const b = () => a;\n");
    expect(lint('src/a.ts', "import { b } from './b.ts';\nexport const a = () => b;\n")).toContain(
      'noImportCycles',
    );
    writeFileSync(join(house, 'src/b.ts'), "import type { A } from './a.ts';\nexport type B = A[];\n");
    expect(lint('src/a.ts', "import type { B } from './b.ts';\nexport type A = { b: B };\n")).toContain(
      'noImportCycles',
    );
    rmSync(join(house, 'src/b.ts'));
    expect(lint('src/platform/http/index.ts', "export { x } from './problem.ts';\n")).toContain(
      'noBarrelFile',
    );
  });

  it('no folder is a drawer for whatever fits nowhere', () => {
    const folders = (path: string): string[] =>
      readdirSync(path)
        .map((name) => join(path, name))
        .filter((entry) => statSync(entry).isDirectory())
        .flatMap((folder) => [folder, ...folders(folder)]);
    const names = ['src', 'scripts', 'test', 'packages', 'examples'].flatMap((top) =>
      folders(join(root, top)),
    );
    expect(names.filter((name) => /\/(?:utils?|lib|helpers?|common|misc|shared)$/.test(name))).toEqual([]);
  });
});
