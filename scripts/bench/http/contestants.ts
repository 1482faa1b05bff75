import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CliError } from '../../program/cli.ts';
import { type BenchStack, type BenchWorker, connectAs, databaseUrl, withoutLimits } from '../stack.ts';
import type { LoadRequest } from './load.ts';

export const accountCount = 8;

const password = 'correct horse battery staple';

type Request = { readonly method: LoadRequest['method']; readonly path: string; readonly body?: object };

type Contestant = {
  readonly name: string;
  readonly start: (stack: BenchStack) => Promise<BenchWorker>;
  /** Absent where there are no accounts. */
  readonly accounts?: {
    readonly signup: (email: string) => Request;
    readonly login: (email: string) => Request;
  };
  /** The request that stands for `GET /auth/me`. */
  readonly me: Request;
};

export const itsor: Contestant = {
  name: 'Itsor',
  start: ({ startBareWorker }) => startBareWorker(withoutLimits),
  accounts: {
    signup: (email) => ({ method: 'POST', path: '/auth/signup', body: { email, password } }),
    login: (email) => ({ method: 'POST', path: '/auth/token', body: { email, password } }),
  },
  me: { method: 'GET', path: '/auth/me' },
};

/** Five minutes, as in the example of its documentation. */
const cookieCacheSeconds = 300;

const betterAuthOn = (name: string, variables: Readonly<Record<string, string>> = {}): Contestant => ({
  name,
  start: ({ dataDirectory, startBareWorker }) => {
    const secrets = { DATABASE_URL: databaseUrl('app'), BETTER_AUTH_SECRET: crypto.randomUUID() };
    const config = join(betterAuthDirectory(dataDirectory), 'wrangler.toml');
    return startBareWorker({ ...secrets, ...variables }, config);
  },
  accounts: {
    signup: (email) => ({
      method: 'POST',
      path: '/api/auth/sign-up/email',
      body: { email, password, name: email },
    }),
    login: (email) => ({ method: 'POST', path: '/api/auth/sign-in/email', body: { email, password } }),
  },
  me: { method: 'GET', path: '/api/auth/get-session' },
});

export const betterAuth = betterAuthOn('better-auth');
export const cachedBetterAuth = betterAuthOn('better-auth, cookie cache', {
  COOKIE_CACHE_SECONDS: String(cookieCacheSeconds),
});

const benchFile = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));

export const bareHono: Contestant = {
  name: 'bare Hono',
  start: ({ startBareWorker }) => startBareWorker({}, benchFile('hono.wrangler.toml')),
  me: { method: 'GET', path: '/auth/me' },
};

/** Itsor's own hasher and nothing else: a hash for each request. */
export const hasher: Contestant = {
  name: "Itsor's hasher alone",
  start: ({ startBareWorker }) => startBareWorker({}, benchFile('argon2.wrangler.toml')),
  me: { method: 'GET', path: '/reused' },
};

const betterAuthDirectory = (dataDirectory: string): string => join(dataDirectory, 'better-auth');

/** Installs better-auth beside the stack, and makes its tables. @returns its version */
export const installBetterAuth = async ({ dataDirectory, endpointUrl }: BenchStack): Promise<string> => {
  const directory = betterAuthDirectory(dataDirectory);
  await cp(benchFile('better-auth'), directory, { recursive: true });
  // Its peers are frameworks and drivers that are not measured.
  const args = ['install', '--legacy-peer-deps', '--no-audit', '--no-fund', '--ignore-scripts'];
  await promisify(execFile)('npm', args, { cwd: directory, timeout: 60_000 }).catch((cause) => {
    const reason = String(cause.stderr).trim().split('\n')[0] || 'npm gave no answer within a minute';
    throw new CliError(`better-auth could not be installed: ${reason}`);
  });
  const sql = connectAs('migrator', endpointUrl);
  const statements = await readFile(join(directory, 'tables.sql'), 'utf8');
  for (const statement of statements.split(';\n')) if (statement.trim()) await sql.query(statement);
  const installed = await readFile(join(directory, 'node_modules/better-auth/package.json'), 'utf8');
  return JSON.parse(installed).version;
};

export type Prepared = {
  readonly name: string;
  readonly url: string;
  /** Of the process that started its workerd. */
  readonly pid: number;
  readonly me: readonly LoadRequest[];
  /** Empty where there are no accounts. */
  readonly login: readonly LoadRequest[];
  /** Sends each request once. @throws CliError where an answer is not about an account */
  readonly verify: (requests: readonly LoadRequest[]) => Promise<void>;
};

/** Starts a contestant with its accounts. */
export const prepare = async (
  { name, start, accounts, me }: Contestant,
  stack: BenchStack,
): Promise<Prepared> => {
  const { url, process } = await start(stack);
  const toLoad = ({ method, path, body }: Request, cookie?: string): LoadRequest => ({
    method,
    path,
    headers: {
      Origin: url,
      ...(body && { 'Content-Type': 'application/json' }),
      ...(cookie !== undefined && { Cookie: cookie }),
    },
    body: body ? JSON.stringify(body) : '',
  });

  const send = async ({ method, path, headers, body }: LoadRequest): Promise<Response> => {
    const response = await fetch(`${url}${path}`, { method, headers, body: body || null });
    const text = await response.text();
    // Without a session better-auth answers 200 and null.
    const isRight = accounts === undefined || text.includes('@example.com');
    if (!response.ok || !isRight)
      throw new CliError(`${name} answers ${method} ${path} with ${response.status}: ${text.slice(0, 200)}`);
    return response;
  };

  const verify = async (requests: readonly LoadRequest[]): Promise<void> => {
    for (const request of requests) await send(request);
  };

  const alone = { name, url, pid: process.pid, login: [], verify };
  if (accounts === undefined) return { ...alone, me: [toLoad(me)] };

  const word = name.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  const emails = Array.from({ length: accountCount }, (_, index) => `${word}-${index}@example.com`);
  for (const email of emails) await send(toLoad(accounts.signup(email)));
  const cookies: string[] = [];
  for (const email of emails) {
    const setCookies = (await send(toLoad(accounts.login(email)))).headers.getSetCookie();
    cookies.push(setCookies.map((line) => line.split(';')[0]).join('; '));
  }
  return {
    ...alone,
    me: cookies.map((cookie) => toLoad(me, cookie)),
    login: emails.map((email) => toLoad(accounts.login(email))),
  };
};
