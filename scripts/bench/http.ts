import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CliError, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { measurePairs, rateOf, reportPairs } from './ratios.ts';
import { type BenchStack, connectAs, databaseUrl, withoutLimits, withStack } from './stack.ts';

const usage = `npm run bench:http
  Itsor beside better-auth, on one build of workerd, one database and in one run; once with the database on this machine,
  where a round trip costs next to nothing, and once as far away as one in the same region. It installs better-auth into
  a temporary directory, for which it needs a package registry.`;

/** Milliseconds added to a round trip to the database: none, and the usual ones by Neon's documentation. */
const networks = [0, 5];
const roundMs = 1500;
/** Of one task on one network. */
const measuring = { pairs: 6, limitMs: 30_000 };
const accountCount = 8;

type Request = { readonly method: string; readonly path: string; readonly body?: object };

type Contestant = {
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
  start: async ({ startBareWorker }) => (await startBareWorker(withoutLimits)).url,
  signup: (email) => ({ method: 'POST', path: '/auth/signup', body: { email, password } }),
  login: (email) => ({ method: 'POST', path: '/auth/token', body: { email, password } }),
  me: { method: 'GET', path: '/auth/me' },
};

const betterAuth: Contestant = {
  start: async ({ dataDirectory, endpointUrl, startBareWorker }) => {
    const directory = join(dataDirectory, 'better-auth');
    await cp(fileURLToPath(new URL('better-auth', import.meta.url)), directory, { recursive: true });
    await install(directory);
    const sql = connectAs('migrator', endpointUrl);
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
  // Without a session better-auth answers 200 and null.
  if (!response.ok || !text.includes('@example.com')) throw new Error(`${path}: ${response.status} ${text}`);
  return response;
};

/** Starts a contestant with its accounts. @returns its tasks, for the client of a number */
const prepare = async ({ start, signup, login, me }: Contestant, stack: BenchStack) => {
  const url = await start(stack);
  for (const email of emails) await send(url, signup(email));
  const cookies = await Promise.all(
    emails.map(async (email) => {
      const setCookies = (await send(url, login(email))).headers.getSetCookie();
      return setCookies.map((line) => line.split(';')[0]).join('; ');
    }),
  );
  return {
    me: (client: number) => send(url, me, cookies[client % accountCount]),
    login: (client: number) => send(url, login(emails[client % accountCount] ?? '')),
  };
};

const compare = async (stack: BenchStack): Promise<void> => {
  const [ours, theirs] = [await prepare(itsor, stack), await prepare(betterAuth, stack)];
  for (const { name, task, concurrency, goal } of tasks) {
    const rounds = await measurePairs(
      () => rateOf(ours[task], { concurrency, roundMs }),
      () => rateOf(theirs[task], { concurrency, roundMs }),
      measuring,
    );
    const title = `${name}, ${concurrency} at a time: Itsor / better-auth`;
    reportPairs(title, rounds, { unit: 'a second', goal: [goal, Infinity] });
  }
};

runProgram(async () => {
  readOptions({}, usage);
  for (const networkMs of networks) {
    console.log(`\nA round trip to the database takes ${networkMs} ms more than on one machine`);
    await withStack(compare, { networkMs, inMemory: true, limitMs: 240_000 });
  }
});
