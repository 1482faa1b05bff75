import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environmentOf } from '../../scripts/program/child.ts';
import { projectDirectory } from '../../scripts/program/project.ts';
import { bundledMigrations } from '../../scripts/recovery/migrations.ts';
import { localRoles } from '../../scripts/stack/database-plan.ts';
import { withClient } from '../../scripts/stack/postgres.ts';
import { applyRoles } from '../../scripts/stack/roles.ts';
import { type Database, openInMemory } from '../support/node/database.ts';

const run = promisify(execFile);

/** What a fork needs of this repository; its history and its tests are left out. */
const parts = [
  '.gitignore',
  'package.json',
  'tsconfig.json',
  'tsconfig.node.json',
  'tsconfig.worker.json',
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
let database: Database;

const git = async (cwd: string, ...args: string[]): Promise<void> => {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_SYSTEM: devNull };
  await run('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args], { cwd, env });
};

const withPackages = (cwd: string): Promise<void> =>
  symlink(join(projectDirectory, 'node_modules'), join(cwd, 'node_modules'));

/** Runs a program of a checkout. */
const runIn = async (
  cwd: string,
  [program, ...args]: readonly [string, ...string[]],
  variables: Readonly<Record<string, string>> = {},
): Promise<string> =>
  (await run(process.execPath, [join(cwd, program), ...args], { cwd, env: environmentOf(variables) })).stdout;

const drizzleKit = 'node_modules/drizzle-kit/bin.cjs';
const forkConfig = ['--config', 'drizzle.fork.config.ts'] as const;

const migrate = async (...args: string[]): Promise<void> => {
  const url = new URL(database.migratorUrl);
  // The variable must have a password; the embedded database asks for none.
  url.password = 'unchecked';
  await runIn(fork, [drizzleKit, 'migrate', ...args], { MIGRATIONS_DATABASE_URL: url.href });
};
const driftOf = ({ adminUrl }: Database): Promise<string> =>
  runIn(fork, ['scripts/db-drift.ts', '--url', adminUrl]);

/** An embedded database with the two roles and no table. */
const openDatabase = async (): Promise<Database> => {
  const opened = await openInMemory();
  await applyRoles(opened.adminUrl, localRoles);
  return opened;
};

/** Runs SQL as the role of the Worker. */
const ask = async (sql: string, { adminUrl }: Database = database): Promise<unknown[]> => {
  const url = new URL(adminUrl);
  url.username = localRoles.app.user;
  return withClient(url.href, async (client) => (await client.query(sql)).rows);
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
  database = await openDatabase();
});
afterAll(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const account = '01a1f89f-3e04-72ff-a7cd-f326cf7a57d5';
const ours = bundledMigrations().length;

test("adds a fork's migration beside ours", async () => {
  const [tables = '', routes = ''] = await readExample();
  await writeFile(join(fork, 'src/fork/db/tables.ts'), tables);
  await writeFile(join(fork, 'src/fork/fork.ts'), routes);
  await runIn(fork, [drizzleKit, 'generate', ...forkConfig, '--name', 'invoices']);
  const checked = await runIn(fork, ['scripts/check-migrations.ts', '--seal']);
  expect(checked).toContain(`${ours + 1} migrations are additive`);
  await migrate();
  await migrate(...forkConfig);
  expect(await driftOf(database)).toContain('No drift');
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
  await migrate();
  expect(await driftOf(database)).toContain('No drift');
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
  const empty = await openDatabase();
  try {
    await runIn(fork, ['scripts/db-backup.ts', '--url', database.adminUrl, '--out', file]);
    await runIn(fork, ['scripts/db-restore.ts', '--url', empty.migratorUrl, '--from', file]);
    expect(await ask('select title from fork_invoices', empty)).toEqual([{ title: 'First' }]);
    expect(await driftOf(empty)).toContain('No drift');
  } finally {
    await empty.close();
  }
});
