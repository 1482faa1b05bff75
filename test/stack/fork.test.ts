import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environmentOf } from '../../scripts/program/child.ts';
import { projectDirectory } from '../../scripts/program/project.ts';
import { bundledMigrations } from '../../scripts/recovery/migrations.ts';
import { openLocalDatabase } from '../../scripts/stack/local-database.ts';

const run = promisify(execFile);

/** What a fork needs of this repository; its history and its tests are left out. */
const parts = [
  '.gitignore',
  'package.json',
  'tsconfig.json',
  'wrangler.toml',
  'drizzle.config.ts',
  'drizzle.fork.config.ts',
  'drizzle',
  'docs/openapi.json',
  'scripts',
  'src',
];

let directory: string;
let itsor: string;
let fork: string;

const git = async (cwd: string, ...args: string[]): Promise<void> => {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_SYSTEM: devNull };
  await run('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args], { cwd, env });
};

const withPackages = (cwd: string): Promise<void> =>
  symlink(join(projectDirectory, 'node_modules'), join(cwd, 'node_modules'));

/** Runs a program of a checkout, on the embedded database of one of its folders. */
const runIn = async (
  cwd: string,
  [program, ...args]: readonly [string, ...string[]],
  data = '.data',
): Promise<string> => {
  const env = environmentOf({ DATA_DIR: join(cwd, data) });
  return (await run(process.execPath, [join(cwd, program), ...args], { cwd, env })).stdout;
};

const drizzleKit = 'node_modules/drizzle-kit/bin.cjs';
const forkConfig = ['--config', 'drizzle.fork.config.ts'] as const;

/** Runs SQL as the role of the Worker. */
const ask = async (sql: string, data = '.data'): Promise<unknown[]> => {
  const database = await openLocalDatabase(join(fork, data));
  const url = new URL(database.adminUrl);
  url.username = 'itsor_app';
  const client = new Client({ connectionString: url.href });
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
    await database.close();
  }
};

/** The blocks of code of docs/upgrading.md: the tables and the routes of its first feature. */
const readExample = async (): Promise<readonly string[]> => {
  const page = await readFile(join(projectDirectory, 'docs/upgrading.md'), 'utf8');
  return [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'itsor-fork-'));
  [itsor, fork] = [join(directory, 'itsor'), join(directory, 'accounts')];
  await mkdir(itsor);
  for (const part of parts) {
    await cp(join(projectDirectory, part), join(itsor, part), { recursive: true });
  }
  await git(itsor, 'init', '--quiet', '--initial-branch=main');
  await git(itsor, 'add', ...parts);
  await git(itsor, 'commit', '--quiet', '--message', 'the version that the fork begins with');
  await git(directory, 'clone', '--quiet', itsor, fork);
  await git(fork, 'remote', 'add', 'itsor', itsor);
  for (const checkout of [itsor, fork]) await withPackages(checkout);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const account = '01a1f89f-3e04-72ff-a7cd-f326cf7a57d5';
const ours = bundledMigrations().length;

test("adds a fork's migration beside ours", async () => {
  const [tables = '', routes = ''] = await readExample();
  await writeFile(join(fork, 'src/fork/db/tables.ts'), tables);
  await writeFile(join(fork, 'src/fork/fork.ts'), routes);
  await runIn(fork, [drizzleKit, 'generate', ...forkConfig, '--name', 'invoices']);
  const checked = await runIn(fork, ['scripts/check-migrations.ts', '--seal']);
  expect(checked).toContain(`${ours + 1} migrations are additive`);
  await runIn(fork, [drizzleKit, 'migrate']);
  await runIn(fork, [drizzleKit, 'migrate', ...forkConfig]);
  expect(await runIn(fork, ['scripts/db-drift.ts'])).toContain('No drift');
  await ask(`
    insert into users (id, email, created_at, updated_at) values ('${account}', 'ada@example.com', now(), now());
    insert into fork_invoices values ('${account}', '${account}', 'First')`);
  await git(fork, 'add', 'src/fork');
  await git(fork, 'commit', '--quiet', '--message', 'invoices');
});

test('a newer version of ours, with a migration, merges into the fork without a conflict', async () => {
  const file = join(itsor, 'src/platform/db/schema.ts');
  const schema = await readFile(file, 'utf8');
  await writeFile(file, schema.replace(/^( +)username: .*$/m, "$&\n$1nickname: text('nickname'),"));
  await runIn(itsor, [drizzleKit, 'generate', '--name', 'nickname']);
  await runIn(itsor, ['scripts/check-migrations.ts', '--seal']);
  await git(itsor, 'add', 'src', 'drizzle');
  await git(itsor, 'commit', '--quiet', '--message', 'a newer version');
  await git(itsor, 'tag', 'v9.9.9');

  await git(fork, 'fetch', '--quiet', 'itsor', '--tags');
  await git(fork, 'switch', '--quiet', '--create', 'itsor-9.9.9');
  await git(fork, 'merge', '--quiet', '--no-edit', 'v9.9.9');
  const checked = await runIn(fork, ['scripts/check-migrations.ts']);
  expect(checked).toContain(`${ours + 2} migrations are additive`);
  await expect(runIn(fork, ['scripts/db-drift.ts'])).rejects.toMatchObject({
    stdout: expect.stringContaining(`1 of ${ours + 1} are missing`),
  });
  await runIn(fork, [drizzleKit, 'migrate']);
  await runIn(fork, [drizzleKit, 'migrate', ...forkConfig]);
  expect(await runIn(fork, ['scripts/db-drift.ts'])).toContain('No drift');
  expect(await ask('select title, nickname from fork_invoices join users on users.id = user_id')).toEqual([
    { title: 'First', nickname: null },
  ]);
});

test("a fork's route is in the OpenAPI document", async () => {
  await runIn(fork, ['scripts/docs/write-openapi.ts']);
  const { paths } = JSON.parse(await readFile(join(fork, 'docs/openapi.json'), 'utf8'));
  expect(paths['/api/greeting'].get).toMatchObject({ summary: 'Say hello' });
});

test("a backup brings back a fork's tables and rows", async () => {
  const file = join(directory, 'backup.jsonl.gz');
  await runIn(fork, ['scripts/db-backup.ts', '--out', file]);
  await runIn(fork, ['scripts/db-roles.ts'], 'other');
  await runIn(fork, ['scripts/db-restore.ts', '--from', file], 'other');
  expect(await ask('select title from fork_invoices', 'other')).toEqual([{ title: 'First' }]);
  expect(await runIn(fork, ['scripts/db-drift.ts'], 'other')).toContain('No drift');
});
