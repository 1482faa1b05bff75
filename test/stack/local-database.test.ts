import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { embeddedVersion } from '../../scripts/stack/embedded-database.ts';
import { openLocalDatabase, resetLocalDatabase, unusable } from '../../scripts/stack/local-database.ts';
import { withClient } from '../../scripts/stack/postgres.ts';

let directory: string;
const inside = (...names: string[]) => join(directory, ...names);
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'itsor-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const isUsable = async () => {
  const database = await openLocalDatabase(directory);
  const rows = await withClient(
    database.migratorUrl,
    async (client) => (await client.query('select 1 as one')).rows,
  );
  await database.close();
  return rows[0]?.one === 1;
};

test('a first start that was killed half-way is made anew, and a finished database is kept', async () => {
  await mkdir(inside('pg', 'base'), { recursive: true });
  await writeFile(inside('pg', 'PG_VERSION'), '17\n');
  await mkdir(inside('pg', 'global'));
  await writeFile(inside('pg.unfinished'), '');
  expect(await isUsable()).toBe(true);
  expect(existsSync(inside('pg.unfinished'))).toBe(false);

  const first = await openLocalDatabase(directory);
  await withClient(first.migratorUrl, (client) => client.query('create table kept ()'));
  await first.close();
  const second = await openLocalDatabase(directory);
  await withClient(second.migratorUrl, (client) => client.query('select from kept'));
  await second.close();
});

test('a half-made database of an older version, without a mark, is made anew or deleted by --reset', async () => {
  await mkdir(inside('pg', 'base'), { recursive: true });
  await mkdir(inside('pg', 'pg_wal'));
  expect(await isUsable()).toBe(true);

  await rm(inside('pg'), { recursive: true });
  await mkdir(inside('pg', 'base'), { recursive: true });
  await resetLocalDatabase(directory);
  expect(existsSync(inside('pg'))).toBe(false);
});

test('a folder with files of somebody else is neither deleted nor used', async () => {
  await mkdir(inside('pg', 'base'), { recursive: true });
  await writeFile(inside('pg', 'thesis.txt'), 'years of work');
  await expect(resetLocalDatabase(directory)).rejects.toThrow('is not a database, so it is not deleted');
  await openLocalDatabase(directory).then(
    (database) => database.close(),
    () => {},
  );
  expect(existsSync(inside('pg', 'thesis.txt'))).toBe(true);
});

test('a damaged database is one sentence that names the way out, and is kept', async () => {
  expect(await isUsable()).toBe(true);
  await rm(inside('pg', 'global', 'pg_control'));
  await expect(openLocalDatabase(directory)).rejects.toThrow(
    /^The embedded database in \S+ cannot be opened \([^\n]*\): npm run dev -- --reset deletes it/,
  );
  expect(existsSync(inside('pg', 'PG_VERSION'))).toBe(true);
  expect(existsSync(inside('stack.lock'))).toBe(false);
});

test('a database of another PostgreSQL is kept, and the sentence says how to save it', async () => {
  expect(await isUsable()).toBe(true);
  const file = inside('pg', 'PG_VERSION');
  expect((await readFile(file, 'utf8')).trim()).toBe(embeddedVersion);

  await writeFile(file, '16\n');
  await expect(openLocalDatabase(directory)).rejects.toThrow(
    /^The embedded database in \S+ is of PostgreSQL 16, [^\n]* opens 18: npm run db:backup with the other version/,
  );
  expect(existsSync(inside('stack.lock'))).toBe(false);
  await writeFile(file, `${embeddedVersion}\n`);
  expect(await isUsable()).toBe(true);
});

test.each([
  // As PGlite and Node tell it.
  [{ name: 'ErrnoError', errno: 51 }, 'the disk is full. Make room'],
  [{ message: 'ENOSPC: no space left on device, write', code: 'ENOSPC' }, 'the disk is full. Make room'],
  [{ name: 'ErrnoError', errno: 29 }, 'the disk may be full'],
])('an error of a full disk is told as that, and the way out deletes nothing: %j', (error, sentence) => {
  const { message } = unusable('/data', error);
  expect(message).toContain(sentence);
  expect(message).not.toContain('--reset');
});
