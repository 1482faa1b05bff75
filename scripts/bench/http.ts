import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { neon, neonConfig } from '@neondatabase/serverless';
import { CliError, runProgram } from '../program/cli.ts';
import { localRoles } from '../stack/database-plan.ts';
import { type BenchStack, withoutLimits, withStack } from './stack.ts';
import { median, type Pair, ratioOfMedians } from './statistics.ts';

// npm run bench:http: Itsor beside better-auth, on one build of workerd, one database and in one run; once with the
// database on this machine, where a round trip costs next to nothing, and once as far away as one in the same region.
// It installs better-auth into a temporary directory, for which it needs a package registry.

/** Milliseconds that a round trip to the database takes more: none, and what Neon's documentation calls usual. */
const networks = [0, 5];
const rounds = 6;
const roundMs = 1500;
/** No round of one network begins later than this; a slow machine measures fewer. */
const lastRoundMs = 60_000;
const accountCount = 8;

type Request = { readonly method: string; readonly path: string; readonly body?: object };

type Contestant = {
  readonly name: string;
  readonly start: (stack: BenchStack) => Promise<string>;
  readonly signup: (email: string) => Request;
  readonly login: (email: string) => Request;
  readonly me: Request;
};

const tasks = [
  { name: 'who am I', task: 'me', concurrency: 16, goal: 2 },
  { name: 'log in', task: 'login', concurrency: accountCount, goal: 3 },
] as const;

const password = 'correct horse battery staple';
const emails = Array.from({ length: accountCount }, (_, index) => `account-${index}@example.com`);

const itsor: Contestant = {
  name: 'Itsor',
  start: async ({ startBareWorker }) => (await startBareWorker(withoutLimits)).url,
  signup: (email) => ({ method: 'POST', path: '/auth/signup', body: { email, password } }),
  login: (email) => ({ method: 'POST', path: '/auth/token', body: { email, password } }),
  me: { method: 'GET', path: '/auth/me' },
};

const databaseUrl = (role: keyof typeof localRoles) =>
  `postgres://${localRoles[role].user}:unchecked@embedded.localhost/itsor`;

const betterAuth: Contestant = {
  name: 'better-auth',
  start: async ({ dataDirectory, endpointUrl, startBareWorker }) => {
    const directory = join(dataDirectory, 'better-auth');
    await cp(fileURLToPath(new URL('better-auth', import.meta.url)), directory, { recursive: true });
    await install(directory);
    neonConfig.fetchEndpoint = () => endpointUrl;
    const sql = neon(databaseUrl('migrator'));
    const statements = await readFile(join(directory, 'tables.sql'), 'utf8');
    for (const statement of statements.split(';\n')) if (statement.trim()) await sql.query(statement);
    const variables = { DATABASE_URL: databaseUrl('app'), BETTER_AUTH_SECRET: crypto.randomUUID() };
    return (await startBareWorker(variables, join(directory, 'wrangler.toml'))).url;
  },
  signup: (email) => ({
    method: 'POST',
    path: '/api/auth/sign-up/email',
    body: { email, password, name: email },
  }),
  login: (email) => ({ method: 'POST', path: '/api/auth/sign-in/email', body: { email, password } }),
  me: { method: 'GET', path: '/api/auth/get-session' },
};

const install = async (directory: string): Promise<void> => {
  // Its peers are frameworks and drivers that are not measured.
  const args = ['install', '--legacy-peer-deps', '--no-audit', '--no-fund', '--ignore-scripts'];
  await promisify(execFile)('npm', args, { cwd: directory, timeout: 60_000 }).catch((cause) => {
    throw new CliError(`better-auth could not be installed: ${String(cause.stderr).trim()}`);
  });
};

const send = async (url: string, { method, path, body }: Request, cookie?: string): Promise<Response> => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      Origin: url,
      ...(body && { 'Content-Type': 'application/json' }),
      ...(cookie !== undefined && { Cookie: cookie }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // A session that is not one: better-auth answers 200 and null.
  if (!response.ok || !text.includes('@example.com')) throw new Error(`${path}: ${response.status} ${text}`);
  return response;
};

type Runner = {
  readonly name: string;
  readonly run: Record<'me' | 'login', (turn: number) => Promise<unknown>>;
};

const prepare = async (contestant: Contestant, stack: BenchStack): Promise<Runner> => {
  const { name, signup, login, me } = contestant;
  const url = await contestant.start(stack);
  for (const email of emails) await send(url, signup(email));
  const cookies = await Promise.all(
    emails.map(async (email) => {
      const setCookies = (await send(url, login(email))).headers.getSetCookie();
      return setCookies.map((line) => line.split(';')[0]).join('; ');
    }),
  );
  return {
    name,
    run: {
      me: (turn) => send(url, me, cookies[turn % accountCount]),
      login: (turn) => send(url, login(emails[turn % accountCount] ?? '')),
    },
  };
};

/** Requests per second. */
const measure = async (run: (turn: number) => Promise<unknown>, concurrency: number): Promise<number> => {
  const startMs = performance.now();
  let requests = 0;
  const client = async (_: unknown, index: number): Promise<void> => {
    while (performance.now() - startMs < roundMs) {
      await run(index);
      requests += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return (requests * 1000) / (performance.now() - startMs);
};

const compare = async (ours: Runner, theirs: Runner): Promise<void> => {
  for (const { name, task, concurrency, goal } of tasks) {
    const deadlineMs = performance.now() + lastRoundMs / tasks.length;
    const measured: Pair[] = [];
    // Rounds alternate, so that another load on the machine meets both alike.
    while (measured.length === 0 || (measured.length < rounds && performance.now() < deadlineMs)) {
      measured.push([
        await measure(ours.run[task], concurrency),
        await measure(theirs.run[task], concurrency),
      ]);
    }
    const ratio = ratioOfMedians(measured);
    const byRound = measured.map(([our, their]) => our / their);
    const [our, their] = [0, 1].map((at) => median(measured.map((pair) => pair[at] ?? 0)).toFixed(1));
    console.log(`${name}, ${concurrency} at a time`);
    console.log(
      `   per second: ${ours.name} ${our}, ${theirs.name} ${their}; medians of ${measured.length} rounds`,
    );
    console.log(
      `   ratio ${ratio.toFixed(2)}, by round ${Math.min(...byRound).toFixed(2)} to ${Math.max(...byRound).toFixed(2)} ` +
        `(goal ${goal}, ${ratio >= goal ? 'reached' : 'missed'})`,
    );
  }
};

runProgram(async () => {
  for (const networkMs of networks) {
    console.log(`\nA round trip to the database takes ${networkMs} ms more than on one machine`);
    await withStack(
      async (stack) => await compare(await prepare(itsor, stack), await prepare(betterAuth, stack)),
      { networkMs, inMemory: true },
    );
  }
});
