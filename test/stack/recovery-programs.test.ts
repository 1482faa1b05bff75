import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findDatabaseDrift } from '../../scripts/drift/database.ts';
import { environmentOf, runScript } from '../../scripts/program/child.ts';
import { readAllContents } from '../../scripts/recovery/tables.ts';
import { localRoles } from '../../scripts/stack/database-plan.ts';
import { openLocalDatabase } from '../../scripts/stack/local-database.ts';
import { applyMigrations, withClient } from '../../scripts/stack/postgres.ts';
import { applyRoles } from '../../scripts/stack/roles.ts';
import { createDatabase, type Database } from '../support/node/database.ts';
import { fillWithSamples } from '../support/node/sample-accounts.ts';

const backup = (env: Record<string, string>, ...args: string[]) =>
  runScript(['scripts/db-backup.ts', ...args], env);
const restore = (env: Record<string, string>, ...args: string[]) =>
  runScript(['scripts/db-restore.ts', ...args], env);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'itsor-'));
});
afterAll(() => rm(directory, { recursive: true }));

const oneLine = (text: string) => expect(text.trimEnd().split('\n')).toHaveLength(1);

describe('db:backup and db:restore', () => {
  test('take a database that somebody has open to another that is not there yet', async () => {
    const [from, to] = [join(directory, 'from'), join(directory, 'to')];
    const file = join(directory, 'new', 'backup.gz');
    const database = await openLocalDatabase(from);
    await applyMigrations(database.migratorUrl);
    const made = await backup({ DATA_DIR: from }, '--out', file);
    await database.close();
    expect(made).toMatchObject({ status: 0, stdout: expect.stringMatching(/roles +2 /) });
    // One line for each table, and nothing else.
    expect(made.stderr).toMatch(/^(?:… rows of \w+\n)+$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    // Closed again, it is opened for as long as it takes; and no file is overwritten.
    expect(await backup({ DATA_DIR: from }, '--out', file)).toMatchObject({
      status: 1,
      stderr: `There is a file ${file} already.\n`,
    });
    const replacing = await restore({ DATA_DIR: to }, '--from', file, '--replace');
    expect(replacing).toMatchObject({ status: 1, stderr: expect.stringContaining('give --yes') });
    for (const how of [[], ['--replace', '--yes']]) {
      const restored = await restore({ DATA_DIR: to }, '--from', file, ...how);
      expect(restored.status).toBe(0);
      expect(restored.stderr).toMatch(/^(?:… [^\n]+\n)+$/);
    }
  });

  test.each([
    [['--from', '/nonexistent'], {}, /^There is no file \/nonexistent\.$/],
    [['--from', '/dev'], {}, /^\/dev cannot be read: EISDIR\.$/],
    [['--from', 'x', '--url', 'mysql://x'], {}, /^--url must be a connection string/],
    [['--from', 'x', '--env', 'production'], {}, /^MIGRATIONS_DATABASE_URL or DATABASE_URL is needed/],
    [
      ['--from', 'x'],
      { DATABASE_URL: 'postgres://itsor_app:pw-of-app@db.example.com/itsor' },
      /^MIGRATIONS_DATABASE_URL is needed beside DATABASE_URL/,
    ],
    [
      ['--from', 'x', '--url', 'postgres://itsor_migrator:pw-of-app@localhost:1/itsor'],
      {},
      /^Cannot reach localhost:1\/itsor: \S/,
    ],
  ])('restore %j under %j ends with one sentence', async (args, env, reason) => {
    const run = await restore({ DATA_DIR: join(directory, 'none'), ...env }, ...args);
    expect(run).toMatchObject({ status: 1, stdout: '' });
    expect(run.stderr.trimEnd()).toMatch(reason);
    expect(run.stderr).not.toContain('pw-of-app');
    oneLine(run.stderr);
  });

  test('a backup that fails leaves no file', async () => {
    const file = join(directory, 'failed.gz');
    const env = { DATABASE_URL: 'postgres://itsor_app:pw-of-app@localhost:1/itsor' };
    const run = await backup(env, '--out', file);
    expect(run).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^Cannot reach localhost:1\/itsor/),
    });
    await expect(stat(file)).rejects.toThrow('ENOENT');
    expect((await backup({ DATA_DIR: '/nonexistent' })).stderr).toMatch(/^There is no embedded database yet/);
  });

  test('say what they take', async () => {
    expect(await backup({}, '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--out') });
    expect(await restore({})).toMatchObject({ status: 1, stderr: expect.stringContaining('Give --from') });
    expect(await restore({}, '--frm', 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--from'),
    });
  });
});

const server = process.env.TEST_DATABASE_URL ?? '';
const hasPgDump = spawnSync('pg_dump', ['--version']).status === 0;

test.skipIf(server === '' || !hasPgDump)(
  'the commands of the runbook bring a database back with pg_dump and pg_restore, without drift',
  async ({ skip }) => {
    const [from, to] = [await createDatabase(server), await createDatabase(server)];
    try {
      for (const { adminUrl } of [from, to]) await applyRoles(adminUrl, localRoles);
      await applyMigrations(from.migratorUrl);
      await withClient(from.migratorUrl, (client) => fillWithSamples(client, 3));
      const file = join(directory, 'itsor.dump');
      // An operator logs in as the migrator.
      const role = `--role=${localRoles.migrator.user}`;
      const dump = spawnSync('pg_dump', ['--format=custom', `--file=${file}`, role, from.adminUrl]);
      skip(dump.stderr.includes('server version mismatch'), 'pg_dump is older than the server');
      expect(String(dump.stderr)).toBe('');
      const runbook = await readFile('docs/runbooks/restore.md', 'utf8');
      const [, options = ''] = /^pg_restore (.*) --dbname/m.exec(runbook) ?? [];
      const back = spawnSync('pg_restore', [...options.split(' '), role, `--dbname=${to.adminUrl}`, file]);
      expect(String(back.stderr)).toBe('');
      const contents = ({ migratorUrl }: Database) => withClient(migratorUrl, readAllContents);
      expect(await contents(to)).toEqual(await contents(from));
      const roles = { migrator: localRoles.migrator.user, app: localRoles.app.user };
      const drift = await withClient(to.adminUrl, (client) => findDatabaseDrift(client, roles, 'it'));
      expect(drift).toMatchObject([{ level: 'ok' }]);
    } finally {
      await from.close();
      await to.close();
    }
  },
);

for (const kind of ['embedded', 'postgres'] as const) {
  const serverUrl = kind === 'postgres' ? (process.env.TEST_DATABASE_URL ?? '') : '';
  const skipped = kind === 'postgres' && serverUrl === '';
  test.skipIf(skipped)(
    `npm run drill:restore on ${kind} shows every step and table, and touches no other data${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`,
    { timeout: 240_000 },
    async () => {
      const mine = await mkdtemp(join(directory, 'mine-'));
      await writeFile(join(mine, 'mine'), '');
      const env = { DATA_DIR: mine, LOCAL_POSTGRES_URL: serverUrl };
      const run = await runScript(['scripts/drills/drill.ts', 'restore'], env);
      expect(run.stderr).toBe('');
      expect(run).toMatchObject({ status: 0, stdout: expect.stringMatching(/users +500 +500 +same/) });
      expect(await readdir(mine)).toEqual(['mine']);
    },
  );
}

for (const kind of ['embedded', 'postgres'] as const) {
  const serverUrl = kind === 'postgres' ? (process.env.TEST_DATABASE_URL ?? '') : '';
  const skipped = kind === 'postgres' && serverUrl === '';
  test.skipIf(skipped).each(['SIGINT', 'SIGTERM'] as const)(
    `the restore drill on ${kind} that gets %s fails, and leaves nothing behind${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`,
    async (signal) => {
      const temporary = await mkdtemp(join(directory, 'stopped-'));
      const databases = () =>
        withClient(serverUrl, (client) =>
          client.query(`select datname from pg_database where datname like 'itsor_drill_%'`),
        ).then(({ rows }) => rows);
      const before = kind === 'postgres' ? await databases() : [];
      const child = spawn(process.execPath, ['scripts/drills/drill.ts', 'restore'], {
        env: environmentOf({ TMPDIR: temporary, LOCAL_POSTGRES_URL: serverUrl }),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const said = text(child.stderr);
      // In the midst of it: the samples are there.
      const backup = async () => (await readdir(temporary, { recursive: true })).join().includes('backup');
      await vi.waitUntil(backup, { timeout: 110_000, interval: 20 });
      child.kill(signal);
      const [status] = await once(child, 'close');
      expect({ status, said: await said }).toEqual({
        status: 1,
        said: '✗ The drill was stopped before its end, and nothing of it is left.\n',
      });
      expect(await readdir(temporary)).toEqual([]);
      if (kind === 'postgres') expect(await databases()).toEqual(before);
    },
  );
}

test('the restore drill says which file it cannot restore', async () => {
  const run = await runScript(['scripts/drills/drill.ts', 'restore', '--from', 'package.json']);
  expect(run).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^✗ read the backup: .*no backup of Itsor/),
  });
});
