import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environmentOf } from '../../scripts/program/child.ts';
import { projectDirectory } from '../../scripts/program/project.ts';
import { openLocalDatabase } from '../../scripts/stack/local-database.ts';

let fork: string;
const inFork = (path: string): string => join(fork, path);

beforeAll(async () => {
  fork = await mkdtemp(join(tmpdir(), 'itsor-fork-'));
  const files = [
    'package.json',
    'drizzle.config.ts',
    'drizzle.fork.config.ts',
    'wrangler.toml',
    'drizzle',
    'scripts',
    'src',
  ];
  for (const file of files) await cp(join(projectDirectory, file), inFork(file), { recursive: true });
  await symlink(join(projectDirectory, 'node_modules'), inFork('node_modules'));
});
afterAll(() => rm(fork, { recursive: true, force: true }));

/** Runs a program in the fork, on the embedded database of one of its folders. */
const run = async (program: string, args: readonly string[] = [], data = 'data'): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, [inFork(program), ...args], {
    cwd: fork,
    env: environmentOf({ DATA_DIR: inFork(data) }),
  });
  return stdout;
};
const drizzleKit = (...args: string[]) => run('node_modules/drizzle-kit/bin.cjs', args);
const ofFork = ['--config', 'drizzle.fork.config.ts'] as const;

/** Runs SQL as the role of the Worker. */
const ask = async (sql: string, data = 'data'): Promise<unknown[]> => {
  const database = await openLocalDatabase(inFork(data));
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

const tables = `import { pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { users } from '../../platform/db/schema.ts';

export const invoices = pgTable('fork_invoices', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull().references(() => users.id, { onDelete: 'cascade' }),
  title: text('title').notNull(),
});
`;

const account = '01a1f89f-3e04-72ff-a7cd-f326cf7a57d5';

test("adds a fork's migration beside ours, and a newer one of ours after it", async () => {
  await writeFile(inFork('src/fork/db/tables.ts'), tables);
  await drizzleKit('generate', ...ofFork, '--name', 'invoices');
  expect(await run('scripts/check-migrations.ts', ['--seal'])).toContain('14 migrations are additive');
  await drizzleKit('migrate');
  await drizzleKit('migrate', ...ofFork);
  expect(await run('scripts/db-drift.ts')).toContain('No drift');
  await ask(`insert into users (id, email, created_at, updated_at) values ('${account}', 'ada@example.com', now(), now());
    insert into fork_invoices values ('${account}', '${account}', 'First')`);

  const schema = await readFile(inFork('src/platform/db/schema.ts'), 'utf8');
  const newer = schema.replace(/^( +)username: .*$/m, "$&\n$1nickname: text('nickname'),");
  await writeFile(inFork('src/platform/db/schema.ts'), newer);
  await drizzleKit('generate', '--name', 'nickname');
  expect(await run('scripts/check-migrations.ts', ['--seal'])).toContain('15 migrations are additive');
  await expect(run('scripts/db-drift.ts')).rejects.toMatchObject({
    stdout: expect.stringContaining('1 of 14 are missing'),
  });
  await drizzleKit('migrate');
  expect(await run('scripts/db-drift.ts')).toContain('No drift');
  expect(await ask('select title, nickname from fork_invoices join users on users.id = user_id')).toEqual([
    { title: 'First', nickname: null },
  ]);
});

test("a backup brings back a fork's tables and rows", async () => {
  await run('scripts/db-backup.ts', ['--out', inFork('backup.jsonl.gz')]);
  await run('scripts/db-roles.ts', [], 'other');
  await run('scripts/db-restore.ts', ['--from', inFork('backup.jsonl.gz')], 'other');
  expect(await ask('select title from fork_invoices', 'other')).toEqual([{ title: 'First' }]);
  expect(await run('scripts/db-drift.ts', [], 'other')).toContain('No drift');
});
