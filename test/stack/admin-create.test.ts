import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { argon2Verify } from 'hash-wasm';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAppDatabase } from '../../scripts/admin/database.ts';
import { actingAs, localRoles } from '../../scripts/stack/database-plan.ts';
import { openLocalDatabase } from '../../scripts/stack/local-database.ts';
import { applyMigrations } from '../../scripts/stack/postgres.ts';
import { applyRoles } from '../../scripts/stack/roles.ts';
import { isOutdated, parsePhc } from '../../src/passwords/rules/phc.ts';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { createDatabase } from '../support/node/database.ts';
import { startStack } from '../support/node/stack.ts';

const program = fileURLToPath(new URL('../../scripts/admin-create.ts', import.meta.url));
const password = 'plum tractor violin moss';

type Run = { code: number | null; stdout: string; stderr: string };

/** The program in an environment without variables of Itsor but those given. */
const start = (args: readonly string[], env: Record<string, string>) => {
  const others = Object.entries(process.env).filter(
    ([name]) => !isConfigVariable(name) && name !== 'LOCAL_POSTGRES_URL',
  );
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...Object.fromEntries(others), ...env },
  });
  // Who needs no password closes the pipe unread.
  child.stdin.on('error', () => {});
  return child;
};

const finish = async (child: ReturnType<typeof start>, input: string | Buffer): Promise<Run> => {
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
};

const adminCreate = (
  args: readonly string[],
  { env = {}, input = `${password}\n` }: { env?: Record<string, string>; input?: string | Buffer } = {},
): Promise<Run> => finish(start(args, env), input);

const sentence = (pattern: RegExp) => ({ code: 1, stdout: '', stderr: expect.stringMatching(pattern) });
const oneLine = (text: string) => expect(text.trimEnd().split('\n')).toHaveLength(1);

test('refuses a password on the command line, in one line and without repeating it', async () => {
  const run = await adminCreate(['--email', 'ada@example.com', '--password=hunter2']);
  expect(run).toMatchObject(sentence(/^A password is no argument: .* shell/));
  expect(run.stderr).not.toContain('hunter2');
  oneLine(run.stderr);
});

test.each([
  [{ BACKEND_ENV: 'production' }, /^DATABASE_URL is needed: the environment production/],
  [{ DB_HOST: 'db.example.com' }, /DB_APP_PASSWORD is needed to build DATABASE_URL/],
  [{ DATABASE_URL: 'sqlite:///x.db' }, /^DATABASE_URL is SQLite/],
])('finds no database by %j, and says why', async (variables, reason) => {
  await expect(openAppDatabase(null, variables)).rejects.toThrow(reason);
});

test.each([
  [{ PASSWORD_MIN_LENGTH: 'many' }, /^PASSWORD_MIN_LENGTH must be a whole number/],
  [{ DATA_DIR: '/nonexistent' }, /^There is no embedded database yet: npm run db:migrate/],
  // Two addresses, and no message of the failure as a whole.
  [
    { DATABASE_URL: 'postgres://itsor_app:pw-of-app@localhost:1/itsor' },
    /^Cannot reach localhost:1\/itsor: \S/,
  ],
  [
    { DATABASE_URL: 'postgres://itsor_app:pw-of-app@db.example.invalid/itsor' },
    /^Cannot reach .*\/itsor: \S/,
  ],
])('ends with one sentence under %j', async (env, reason) => {
  const run = await adminCreate(['--email', 'ada@example.com'], { env });
  expect(run).toMatchObject(sentence(reason));
  expect(run.stderr).not.toContain('pw-of-app');
  oneLine(run.stderr);
});

const serverUrl = process.env.TEST_DATABASE_URL ?? '';

type Place = { env: Record<string, string>; adminUrl: string; close: () => Promise<void> };

/** The embedded database as somebody else has it open, which `npm run dev` does. */
const openEmbedded = async (): Promise<Place> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const database = await openLocalDatabase(directory);
  await applyMigrations(database.migratorUrl);
  return {
    env: { DATA_DIR: directory },
    adminUrl: database.adminUrl,
    close: () => database.close().then(() => rm(directory, { recursive: true })),
  };
};

const openServer = async (): Promise<Place> => {
  const { adminUrl, migratorUrl, close } = await createDatabase(serverUrl);
  await applyRoles(adminUrl, localRoles);
  await applyMigrations(migratorUrl);
  return { env: { LOCAL_POSTGRES_URL: adminUrl }, adminUrl, close };
};

for (const [kind, open] of [
  ['embedded', openEmbedded],
  ['postgres', openServer],
] as const) {
  const skipped = kind === 'postgres' && serverUrl === '';
  describe.skipIf(skipped)(`admin:create on ${kind}${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`, () => {
    let place: Place;
    let client: Client;
    beforeAll(async () => {
      place = await open();
      client = new Client({ connectionString: place.adminUrl });
      await client.connect();
    });
    afterAll(async () => {
      await client?.end();
      await place?.close();
    });

    const create = (email: string, args: readonly string[] = [], input?: string | Buffer) =>
      adminCreate(['--email', email, ...args], { env: place.env, ...(input === undefined ? {} : { input }) });

    const account = async (email: string) => {
      const { rows } = await client.query(
        `select u.*, array(select role_name from user_roles where user_id = u.id order by 1) as roles,
           (select json_agg(json_build_object('type', type, 'actor', actor_id, 'details', details) order by id)
            from audit_events where subject_id = u.id) as events
         from users u where email = $1`,
        [email],
      );
      return rows[0];
    };

    const signUp = async (email: string, more = '') => {
      await client.query(
        `with u as (insert into users (id, email, password_hash, created_at, updated_at ${more && ', disabled_at'})
                    values (gen_random_uuid(), $1, 'kept', now(), now() ${more && ', now()'}) returning id)
         insert into user_roles select id, 'user' from u`,
        [email],
      );
    };

    // Proves ASVS 6.3.2.
    test('makes the first account there is, verified, with a hash that the Worker takes as its own', async () => {
      expect((await client.query('select from users')).rowCount).toBe(0);
      const run = await create('Ada@Example.com', ['--username', 'ada']);
      expect(run).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringMatching(/^ada@example.com is an/),
      });
      const ada = await account('ada@example.com');
      expect(ada).toMatchObject({
        username: 'ada',
        roles: ['admin', 'user'],
        email_verified_at: expect.any(Date),
        must_change_password: false,
        disabled_at: null,
        events: [
          {
            type: 'account.created',
            actor: null,
            details: { source: 'admin:create', roles: ['user', 'admin'] },
          },
        ],
      });
      expect(await argon2Verify({ password, hash: ada.password_hash })).toBe(true);
      const parsed = parsePhc(ada.password_hash);
      const byDefault = { memoryKib: 19_456, iterations: 2, parallelism: 1 };
      expect(parsed && isOutdated(parsed, byDefault)).toBe(false);
    });

    test('says so a second time, and changes nothing', async () => {
      const before = await account('ada@example.com');
      const run = await create('ada@example.com', [], 'another tractor violin moss');
      expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining('already. Nothing was changed') });
      expect(await account('ada@example.com')).toEqual(before);
    });

    test('gives an account that exists the role, and nothing else', async () => {
      await signUp('grace@example.com');
      const before = await account('grace@example.com');
      const refused = await create('grace@example.com', ['--username', 'grace']);
      expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--unverified') });
      expect(await account('grace@example.com')).toEqual(before);
      const run = await create('grace@example.com', ['--username', 'grace', '--unverified']);
      expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining('Its password') });
      expect(run.stdout).toContain('not verified');
      expect(await account('grace@example.com')).toEqual({
        ...before,
        updated_at: expect.any(Date),
        roles: ['admin', 'user'],
        events: [
          {
            type: 'account.changed',
            actor: null,
            details: { source: 'admin:create', roles: ['admin', 'user'], roles_before: ['user'] },
          },
        ],
      });
    });

    test('leaves a disabled account as it is', async () => {
      await signUp('eve@example.com', 'disabled');
      const before = await account('eve@example.com');
      expect(await create('eve@example.com')).toMatchObject(sentence(/is disabled in .*, and was left so/));
      expect(await account('eve@example.com')).toEqual(before);
    });

    // Which database it is makes no difference to these.
    const badPasswords: [string | Buffer, RegExp][] = [
      ['', /^No password: it is read from standard input, which was empty/],
      ['\n', /^No password/],
      [`${password}\n${password}\n`, /more than one line/],
      [Buffer.from([0x70, 0xff, 0xfe]), /not UTF-8/],
      [`plum tractor \0 violin`, /must not contain a NUL/],
      ['short', /^The password is not taken: at least 14 characters; too easy to guess/],
      ['bob@example.com', /^The password is not taken: .*must not be your e-mail address/],
      ['xyz '.repeat(300), /at most 1024 bytes/],
    ];
    test.each(kind === 'embedded' ? badPasswords : badPasswords.slice(0, 1))(
      'refuses the password %#, and writes nothing',
      async (input, reason) => {
        const run = await create('bob@example.com', [], input);
        expect(run).toMatchObject(sentence(reason));
        oneLine(run.stderr);
        expect(await account('bob@example.com')).toBeUndefined();
      },
    );

    test('refuses a user name that is taken', async () => {
      expect(await create('bob@example.com', ['--username', 'ada'])).toMatchObject(
        sentence(/^The user name ada is taken/),
      );
      expect(await account('bob@example.com')).toBeUndefined();
    });

    test('of two at once for one address one makes the account, and the other says that there is one', async () => {
      const runs = await Promise.all([create('race@example.com'), create('race@example.com')]);
      expect(runs.map(({ code }) => code)).toContain(0);
      for (const { code, stdout, stderr } of runs) {
        expect(stdout + stderr).toMatch(
          code === 0
            ? /^race@example.com is an administrator/
            : /^A sign-up has just created the account race/,
        );
      }
      const race = await account('race@example.com');
      expect(race).toMatchObject({ roles: ['admin', 'user'], events: [{ type: 'account.created' }] });
    });

    test('gives no rights to an account that is made while the password is typed', async () => {
      const child = start(['--email', 'mallory@example.com'], place.env);
      // Long enough to have looked for the account; where it was not, the sign-up is found at once.
      await sleep(3000);
      await signUp('mallory@example.com');
      const run = await finish(child, `${password}\n`);
      // The latter where the machine was so slow that the program looked only after the sign-up.
      expect(run).toMatchObject(
        sentence(/^A sign-up has just created the account mallory|^The address of the account mallory/),
      );
      const { roles, password_hash: hash } = await account('mallory@example.com');
      expect([roles, hash]).toEqual([['user'], 'kept']);
    });

    test('takes a password of spaces at its ends, and CRLF as the end of the line', async () => {
      await create('crlf@example.com', [], ` ${password} \r\n`);
      const { password_hash: hash } = await account('crlf@example.com');
      expect(await argon2Verify({ password: ` ${password} `, hash })).toBe(true);
    });

    test('says that migrations are missing', async () => {
      await client.query(
        'update drizzle.__drizzle_migrations set created_at = created_at - 86400000 * 365::bigint',
      );
      expect(await create('late@example.com')).toMatchObject(
        sentence(/^Migrations are missing in .*npm run db:migrate/),
      );
      await client.query(
        'update drizzle.__drizzle_migrations set created_at = created_at + 86400000 * 365::bigint',
      );
    });

    test('says that its role may not', async () => {
      await client.query('revoke all on users from itsor_app');
      expect(await create('late@example.com')).toMatchObject(
        sentence(/has no right to the accounts .*db:roles/),
      );
      await client.query('grant select, insert, update, delete on users to itsor_app');
    });
  });
}

describe.skipIf(serverUrl === '')(
  `admin:create with --url${serverUrl === '' ? ' (TEST_DATABASE_URL is unset)' : ''}`,
  () => {
    test('goes by it before every variable, and says where there is no migration and no database', async () => {
      const database = await createDatabase(serverUrl);
      try {
        const env = { DATABASE_URL: 'postgres://itsor_app:pw@db.example.invalid/itsor' };
        const at = (url: string) => adminCreate(['--email', 'ada@example.com', '--url', url], { env });
        expect(await at(database.adminUrl)).toMatchObject(sentence(/^Migrations are missing/));
        expect(await at(actingAs(database.adminUrl, 'itsor_nobody'))).toMatchObject(
          sentence(/role is missing/),
        );
        expect(await at(new URL('/itsor_nonesuch', serverUrl).href)).toMatchObject(
          sentence(/^There is no such database/),
        );
        await applyRoles(database.adminUrl, localRoles);
        await applyMigrations(database.migratorUrl);
        expect(await at(database.adminUrl)).toMatchObject({ code: 0 });
      } finally {
        await database.close();
      }
    });
  },
);

test('while npm run dev is running: the administrator logs in and lists the accounts', async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const stack = await startStack({ dataDirectory });
  try {
    const env = { DATA_DIR: dataDirectory };
    expect(await adminCreate(['--email', 'ada@example.com', '--username', 'ada'], { env })).toMatchObject({
      code: 0,
    });
    const login = await fetch(`${stack.url}/auth/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'ada', password }),
    });
    expect(login.status).toBe(200);
    const { access_token } = (await login.json()) as { access_token: string };
    const users = await fetch(`${stack.url}/users`, { headers: { Authorization: `Bearer ${access_token}` } });
    expect(await users.json()).toMatchObject({
      items: [{ email: 'ada@example.com', email_verified: true, roles: ['admin', 'user'] }],
    });
  } finally {
    await stack.stop();
  }
  // And when nobody has it open.
  expect(
    await adminCreate(['--email', 'ada@example.com'], { env: { DATA_DIR: dataDirectory } }),
  ).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('already'),
  });
  await rm(dataDirectory, { recursive: true });
});
