import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neon, neonConfig } from '@neondatabase/serverless';
import { afterEach, expect, test } from 'vitest';
import { environmentOf } from '../../scripts/program/child.ts';
import { localRoles } from '../../scripts/stack/database-plan.ts';
import { findFreePort, startServiceProcess } from '../../scripts/stack/service-process.ts';
import { type Launch, launchStack, startStack } from '../support/node/stack.ts';

const running: Launch[] = [];
const track = async (launch: Promise<Launch>) => {
  const stack = await launch;
  running.push(stack);
  return stack;
};
afterEach(async () => {
  for (const stack of running.splice(0)) await stack.stop();
});

/** Every process that descends from a pid, by the process table. */
const descendants = (pid: number): number[] => {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const childrenOf = (parent: number): number[] =>
    table.flatMap(([child = 0, ofParent]) => (ofParent === parent ? [child, ...childrenOf(child)] : []));
  return childrenOf(pid);
};

/** A zombie has ended; it only waits for its parent to be told. */
const alive = (pids: readonly number[]): number[] =>
  execFileSync('ps', ['-eo', 'pid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [pid, state = 'Z'] = line.trim().split(/\s+/);
      return pids.includes(Number(pid)) && !state.startsWith('Z') ? [Number(pid)] : [];
    });

const settle = async (condition: () => boolean) => {
  for (let tries = 0; tries < 100 && !condition(); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
};

const post = (stack: Launch, path: string, body: object) =>
  fetch(`${stack.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const account = { email: 'ada@example.com', password: 'correct horse battery staple' };
const logIn = (stack: Launch) =>
  post(stack, '/auth/token', { identifier: account.email, password: account.password });

/** Every file of a directory, as one text. */
const contentsOf = async (directory: string): Promise<string> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return (
    await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))
  ).join();
};

test('npm run dev keeps no token of a link, neither on the screen nor on the disk', async () => {
  // A folder of this test's own outlives the stack.
  const dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const stack = await track(startStack({ dataDirectory }));
  const token = `${'c0ffee00'.repeat(4)}.${'A'.repeat(43)}`;
  const paths = ['/verify-email?token=', '/reset-password?token=', '/auth/oauth/acme/callback?state=x&code='];
  for (const path of paths) await (await fetch(`${stack.url}${path}${token}`)).text();
  await stack.stop();
  expect(stack.output()).not.toContain('c0ffee00');
  expect(await contentsOf(dataDirectory)).not.toContain('c0ffee00');
  await rm(dataDirectory, { recursive: true });
}, 120_000);

test('npm run dev becomes ready from nothing, keeps its data, deletes them by --reset, and leaves no process behind', async () => {
  const first = await track(startStack());
  for (const path of ['', '/docs', '/account', '/dev/mailbox', '/readyz'])
    expect(first.output()).toMatch(new RegExp(`  ${first.url}${path}(?: |\n)`));
  expect(first.output()).toMatch(/Ready in \d+\.\d s/);
  expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  expect((await fetch(first.url.replace('localhost', '127.0.0.1'))).status).toBeLessThan(500);
  expect(first.output()).toMatch(/^[\d:.]+ info {2}request /m);
  expect((await post(first, '/auth/signup', account)).status).toBe(201);
  const { dataDirectory } = first;
  const family = descendants(first.process.pid ?? 0);
  expect(family.length).toBeGreaterThanOrEqual(3);

  first.process.kill('SIGINT');
  expect(await first.exitCode).toBe(0);
  await settle(() => alive(family).length === 0);
  expect(alive(family)).toEqual([]);
  await expect(stat(join(dataDirectory, 'stack.lock'))).rejects.toThrow('ENOENT');

  const second = await track(startStack({ dataDirectory }));
  expect((await logIn(second)).status).toBe(200);
  await second.stop('SIGTERM');

  const third = await track(startStack({ dataDirectory, args: ['--reset'] }));
  expect((await logIn(third)).status).toBe(401);
  await third.stop('SIGHUP');
  await rm(dataDirectory, { recursive: true });
}, 120_000);

test('npm run dev delivers after a restart the mail that waited before it', async () => {
  const first = await track(startStack());
  const { dataDirectory } = first;
  expect((await post(first, '/auth/signup', account)).status).toBe(201);
  const mailbox = async ({ url }: Launch) => {
    const response = await fetch(`${url}/dev/mailbox`, { headers: { accept: 'application/json' } });
    const text = await response.text();
    return (JSON.parse(text) as { items: { to: string }[] }).items.map(({ to }) => to);
  };
  await expect.poll(() => mailbox(first), { timeout: 10_000, interval: 500 }).toEqual([account.email]);

  // As if the Worker had ended between the commit and the queue.
  const { endpointPort } = JSON.parse(await readFile(join(dataDirectory, 'stack.lock'), 'utf8')) as {
    endpointPort: number;
  };
  neonConfig.fetchEndpoint = () => `http://127.0.0.1:${endpointPort}/sql`;
  const sql = neon(`postgres://${localRoles.app.user}:unchecked@embedded.localhost/itsor`);
  await sql`update outbox set sent_at = null, attempts = 0, next_attempt_at = now()`;
  expect(await mailbox(first)).toEqual([]);
  first.process.kill('SIGINT');
  await first.exitCode;

  const second = await track(startStack({ dataDirectory }));
  await expect.poll(() => mailbox(second), { timeout: 15_000, interval: 500 }).toEqual([account.email]);
  expect(second.output()).not.toContain('scheduled');
  await second.stop();
  await rm(dataDirectory, { recursive: true, force: true });
}, 120_000);

test('npm run dev runs beside another one, and refuses to share its data', async () => {
  const [one, other] = await Promise.all([track(startStack()), track(startStack())]);
  expect((await post(one, '/auth/signup', account)).status).toBe(201);
  expect((await logIn(other)).status).toBe(401);

  const sharing = await launchStack({ dataDirectory: one.dataDirectory });
  expect(await sharing.exitCode).toBe(1);
  // Nothing has started: no service adds its name to the sentence.
  expect(sharing.output()).toMatch(
    new RegExp(`^The data in \\S+ are in use by npm run dev \\(process ${one.process.pid}\\): [^\\n]+\\n$`),
  );

  const resetting = await launchStack({ dataDirectory: one.dataDirectory, args: ['--reset'] });
  expect(await resetting.exitCode).toBe(1);
  expect(resetting.output()).toBe(sharing.output());
  expect((await logIn(one)).status).toBe(200);
}, 120_000);

test('npm run dev says in one sentence that its port is taken, and starts nothing', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => squatter.once('listening', resolve));
  const { port } = squatter.address() as { port: number };
  const stack = await track(launchStack({ port }));
  expect(await stack.exitCode).toBe(1);
  expect(stack.output()).toBe(
    `Port ${port} is taken: stop the program that uses it, or choose another with BACKEND_PORT.\n`,
  );
  await expect(stat(join(stack.dataDirectory, 'pg'))).rejects.toThrow('ENOENT');
  squatter.close();
});

test('npm run dev says in one sentence that browsers open no page at its port', async () => {
  const stack = await track(launchStack({ port: 6000 }));
  expect(await stack.exitCode).toBe(1);
  expect(stack.output()).toBe('Browsers open no page at port 6000: choose another with BACKEND_PORT.\n');
});

test('npm run dev starts after a bad day: behind a proxy, with an empty lock and a half-made database', async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-'));
  await mkdir(join(dataDirectory, 'pg', 'base'), { recursive: true });
  for (const file of ['pg.unfinished', 'stack.lock']) await writeFile(join(dataDirectory, file), '');
  const nowhere = 'http://127.0.0.1:9';
  const proxies = { HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere, NODE_USE_ENV_PROXY: '1' };
  const stack = await track(startStack({ dataDirectory, env: proxies }));
  expect(stack.output()).toContain('The embedded database was only half made: it is made anew.\n');
  expect((await post(stack, '/auth/signup', account)).status).toBe(201);

  await rm(dataDirectory, { recursive: true });
  expect(await stack.exitCode).toBe(1);
  expect(stack.output()).toMatch(/\nThe data in \S+ have been deleted, so all of it ends: [^\n]+\n$/);
  await rm(dataDirectory, { recursive: true, force: true });
}, 120_000);

test.each([
  ['mysql://a:hunter2@127.0.0.1/b', /^LOCAL_POSTGRES_URL is no URL of PostgreSQL: [^\n]+\n$/],
  ['hunter2', /^LOCAL_POSTGRES_URL is no URL of PostgreSQL: [^\n]+\n$/],
  ['postgres://a:hunter2@127.0.0.1', /^LOCAL_POSTGRES_URL names no database: [^\n]+\n$/],
  [
    'postgres://a:hunter2@127.0.0.1:1/b',
    /^The database did not start: Cannot reach 127\.0\.0\.1:1\/b: [^\n]+\n$/,
  ],
])(
  'npm run dev says in one sentence what is wrong with LOCAL_POSTGRES_URL: %s',
  async (url, sentence) => {
    const stack = await track(launchStack({ env: { LOCAL_POSTGRES_URL: url } }));
    expect(await stack.exitCode).toBe(1);
    expect(stack.output()).toMatch(sentence);
    expect(stack.output()).not.toContain('hunter2');
  },
  60_000,
);

test.each(['package.json', 'package.json/data', '/dev/null/data'])(
  'npm run dev says in one sentence that DATA_DIR=%s is no folder to write to',
  async (DATA_DIR) => {
    const stack = await track(launchStack({ env: { DATA_DIR } }));
    expect(await stack.exitCode).toBe(1);
    expect(stack.output()).toMatch(/^DATA_DIR \S+ cannot be used \(E[A-Z]+\): [^\n]+\n$/);
  },
);

test('npm run dev leaves alone the HOST that conda and some shells set, and says which variable makes it strict', async () => {
  const stack = await track(startStack({ env: { HOST: 'x86_64-conda-linux-gnu', NODE_ENV: 'production' } }));
  expect(stack.output()).toContain(`  API            ${stack.url}\n`);
  expect(stack.output()).toContain('HOST=x86_64-conda-linux-gnu of this shell is a name, and not used');
  expect(stack.output()).toContain('the environment is production (NODE_ENV)');
  expect(stack.output()).toContain('unset NODE_ENV');
}, 60_000);

test.each([
  ['npm', 'exec node scripts/dev.ts'],
  ['npm above a shell', 'node scripts/dev.ts; exit 1'],
])(
  'npm run dev ends with all its processes when %s is killed outright',
  async (_, command) => {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'itsor-'));
    const port = String(await findFreePort());
    // Stands in for npm, which starts a shell that either becomes the program or waits for it.
    const npm = spawn(
      process.execPath,
      [
        '-e',
        `require('node:child_process').spawn('sh', ['-c', ${JSON.stringify(command)}], { stdio: 'inherit' })`,
      ],
      {
        env: {
          ...environmentOf({ BACKEND_PORT: port }),
          DATA_DIR: dataDirectory,
          npm_lifecycle_event: 'dev',
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    let output = '';
    npm.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await expect.poll(() => output, { timeout: 45_000 }).toContain('Ctrl-C stops it');
    const family = descendants(npm.pid ?? 0);
    expect(family.length).toBeGreaterThanOrEqual(3);
    npm.kill('SIGKILL');
    await settle(() => alive(family).length === 0);
    expect(alive(family)).toEqual([]);
    await rm(dataDirectory, { recursive: true, force: true });
  },
  120_000,
);

test('npm run dev refuses an unknown option, and --reset of a database that is not its own', async () => {
  const mistyped = await track(launchStack({ args: ['--rest'] }));
  expect(await mistyped.exitCode).toBe(1);
  expect(mistyped.output()).toContain("Unknown option '--rest'");

  const foreign = await track(
    launchStack({ args: ['--reset'], env: { LOCAL_POSTGRES_URL: 'postgres://a@127.0.0.1/b' } }),
  );
  expect(await foreign.exitCode).toBe(1);
  expect(foreign.output()).toContain('--reset deletes the embedded database');
});

test('npm run dev starts a misconfigured Worker, gives it no database, and names the faults', async () => {
  const stack = await track(
    startStack({ env: { BACKEND_ENV: 'production', JWT_SECRET: 'hunter2-hunter2' } }),
  );
  expect(stack.output()).toContain('but its variables are wrong');
  expect(stack.output()).toMatch(/DATABASE_URL is required/);
  expect(stack.output()).toMatch(/JWT_SECRET is shorter/);
  expect(stack.output()).not.toContain('hunter2');
  expect((await fetch(`${stack.url}/healthz`)).status).toBe(200);
  const answer = await fetch(`${stack.url}/auth/me`);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([503, 'misconfigured']);
}, 60_000);

test('npm run dev shows warnings in its banner alone, and logs JSON where LOG_PRETTY=0', async () => {
  const stack = await track(startStack({ env: { REDIS_URL: 'redis://localhost', LOG_PRETTY: '0' } }));
  expect(stack.output().match(/REDIS_URL/g)).toEqual(['REDIS_URL']);
  expect(stack.output()).toMatch(/\n {2}Warnings:\n {4}REDIS_URL is not used/);
  expect(stack.output()).toMatch(/^\{"time":.*"message":"request"/m);
}, 60_000);

test('npm run dev ends with all its processes when it is killed outright', async () => {
  const stack = await track(startStack());
  const family = descendants(stack.process.pid ?? 0);
  stack.process.kill('SIGKILL');
  await settle(() => alive(family).length === 0);
  expect(alive(family)).toEqual([]);
}, 60_000);

test('npm run dev answers 503 while the database is gone, and normally once it is back on its port', async () => {
  const stack = await track(startStack());
  const lock = JSON.parse(await readFile(join(stack.dataDirectory, 'stack.lock'), 'utf8')) as {
    pid: number;
    endpointPort: number;
  };
  process.kill(lock.pid, 'SIGKILL');
  await settle(() => stack.output().includes('The database has ended'));
  expect(stack.output()).toContain(`serve-endpoint.ts --port ${lock.endpointPort}`);
  expect((await post(stack, '/auth/signup', account)).status).toBe(503);
  expect((await fetch(`${stack.url}/healthz`)).status).toBe(200);

  const service = startServiceProcess({
    name: 'database',
    program: new URL('../../scripts/stack/serve-endpoint.ts', import.meta.url),
    args: ['--port', String(lock.endpointPort)],
    env: { ...process.env, DATA_DIR: stack.dataDirectory, LOCAL_POSTGRES_URL: '' },
  });
  await service.ready;
  expect((await post(stack, '/auth/signup', account)).status).toBe(201);
  await service.stop();
}, 60_000);
