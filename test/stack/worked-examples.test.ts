import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectDirectory } from '../../scripts/program/project.ts';
import { brokenRules } from '../support/node/house.ts';
import { startStack } from '../support/node/stack.ts';
import { applyStep, readSteps } from '../support/node/worked-examples.ts';

const steps = readSteps(readFileSync('docs/architecture.md', 'utf8'));
const project = mkdtempSync(join(tmpdir(), 'itsor-examples-'));
const migrationsIn = (folder: string): string[] =>
  readdirSync(join(folder, 'drizzle')).filter((name) => name.endsWith('.sql'));

/** Runs a command in the copy, with the programs of this project. @throws with its output if it fails */
const run = async (command: string): Promise<void> => {
  const path = [join(project, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  await promisify(execFile)('sh', ['-c', command], {
    cwd: project,
    env: { ...process.env, PATH: path },
  }).catch(({ stdout, stderr }) => {
    throw new Error(`${command}\n${stdout}${stderr}`);
  });
};

/** What the examples change, generate or start; of the tests only those that they name, which saves time. */
const parts = [
  ...readdirSync(projectDirectory).filter((name) =>
    /\.(?:json|toml|config\.ts)$|^\.dev\.vars\.example$/.test(name),
  ),
  ...['docs', 'drizzle', 'scripts', 'src', 'test/support'],
  ...steps.flatMap((step) => (step.kind === 'change' && step.path.startsWith('test/') ? [step.path] : [])),
];

beforeAll(async () => {
  for (const part of parts) cpSync(join(projectDirectory, part), join(project, part), { recursive: true });
  symlinkSync(join(projectDirectory, 'node_modules'), join(project, 'node_modules'));
  for (const step of steps) {
    if (step.kind === 'command') await run(step.command);
    else applyStep(project, step);
  }
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('the worked examples of docs/architecture.md', () => {
  test('have all four examples', () => {
    const paths = steps.flatMap((step) => (step.kind === 'command' ? [] : [step.path]));
    expect(paths).toEqual(
      expect.arrayContaining([
        'src/platform/db/schema.ts',
        'src/platform/config/variables.ts',
        'src/routes.ts',
        'src/mail/rules/messages.ts',
      ]),
    );
    expect(steps.filter(({ kind }) => kind === 'command')).toHaveLength(4);
  });

  test('pass the type check, tests included', () => run('npm run types'));

  test('pass the formatter and the linter', () => run('biome ci --vcs-enabled=false src test'));

  test('keep the rules of the layers', () => expect(brokenRules(project)).toEqual([]));

  test('generate one migration, which makes the table and is sealed', async () => {
    const known = migrationsIn(projectDirectory);
    const added = migrationsIn(project).filter((name) => !known.includes(name));
    expect(added).toEqual([expect.stringMatching(/^\d{4}_feedback\.sql$/)]);
    expect(readFileSync(join(project, 'drizzle', added[0] ?? ''), 'utf8')).toContain(
      'CREATE TABLE "feedback"',
    );
    await run('npm run db:check');
  });

  test('put the variable into the reference and the example file', () => {
    for (const name of ['docs/configuration.md', '.dev.vars.example'])
      expect(readFileSync(join(project, name), 'utf8'), name).toContain('FEEDBACK_MAX_LENGTH');
  });

  test('put the route into the OpenAPI document', () => {
    const { paths } = JSON.parse(readFileSync(join(project, 'docs/openapi.json'), 'utf8'));
    expect(paths['/feedback'].post.responses).toHaveProperty('201');
  });

  test('make a Worker that takes feedback, refuses a long one, and confirms it by mail', async () => {
    const stack = await startStack({ project, env: { FEEDBACK_MAX_LENGTH: '20' } });
    const post = async (path: string, body: object, token = '') => {
      const response = await fetch(stack.url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    try {
      const account = { email: 'ada@example.com', password: 'correct horse battery staple' };
      const token = String((await post('/auth/signup', account)).body.access_token);
      expect(await post('/feedback', { message: 'Thank you!' })).toMatchObject({ status: 401 });
      expect(await post('/feedback', { message: 'Thank you!' }, token)).toMatchObject({
        status: 201,
        body: { message: 'Thank you!' },
      });
      expect(await post('/feedback', { message: 'x'.repeat(21) }, token)).toMatchObject({
        status: 422,
        body: { errors: [{ detail: 'at most 20 characters' }] },
      });
      await expect
        .poll(async () => (await fetch(`${stack.url}/dev/mailbox`)).text(), { timeout: 20_000 })
        .toContain('Your feedback for');
    } finally {
      await stack.stop();
    }
  });
});
