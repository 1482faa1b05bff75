import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type BenchStack, withStack } from '../../../scripts/bench/stack.ts';
import {
  type Answer,
  createClient,
  fail,
  pass,
  requireStatus,
  type Send,
} from '../../../scripts/drills/client.ts';
import { runScript } from '../../../scripts/program/child.ts';
import { CliError } from '../../../scripts/program/cli.ts';

type Variables = Readonly<Record<string, string>>;

/** Set by `npm run drill:…`; in the test suite a drill takes cheaper hashes, which change nothing that it shows. */
const given: Variables = process.env.DRILL_VARIABLES
  ? JSON.parse(process.env.DRILL_VARIABLES)
  : { ARGON2_MEMORY_KIB: '7168', ARGON2_ITERATIONS: '1' };

const metricsToken = 'a-token-for-the-scraper';
/** A drill that takes longer has failed. */
export const limitMs = 180_000;

type Scene = { readonly url: string; readonly dataDirectory: string; readonly scraper: Send };

/** Runs a drill at a service on a stack of its own. A drill that ends before its end has failed, at a Ctrl-C too. */
export const runDrill = async (
  variables: Variables,
  perform: (scene: Scene) => Promise<void>,
): Promise<void> => {
  let isDone = false;
  const drill = async ({ startWorker, dataDirectory }: BenchStack) => {
    const metrics = { LOG_LEVEL: 'error', ENABLE_METRICS: '1', METRICS_TOKEN: metricsToken };
    const { url } = await startWorker({ ...metrics, ...variables, ...given });
    await perform({ url, dataDirectory, scraper: createClient(url, { timeoutMs: patienceMs }) });
    isDone = true;
  };
  await withStack(drill, { limitMs });
  if (!isDone) throw new CliError('✗ The drill was stopped before its end.');
};

/** A hundred hashes on a slow machine. */
const patienceMs = 90_000;

/** A client in a network: locally workerd passes on the header that Cloudflare sets in production. */
export const clientFrom = (url: string, address: string): Send =>
  createClient(url, { headers: { 'CF-Connecting-IP': address }, timeoutMs: patienceMs });

export const password = 'correct horse battery staple';

type Tokens = { readonly access: string; readonly refresh: string };

/** A person with an account, and a client in the network that they log in from. */
export type Person = { readonly email: string; readonly home: Send };

export const tokensOf = ({ body }: Answer): Tokens => ({
  access: String(body.access_token),
  refresh: String(body.refresh_token),
});

/** A login that gets its refresh token in the body. */
export const logIn = (send: Send, email: string, secret = password): Promise<Answer> =>
  send('POST', '/auth/token', { json: { email, password: secret, scope: 'offline_access' } });

export const refresh = (send: Send, { refresh: refresh_token }: Tokens): Promise<Answer> =>
  send('POST', '/auth/refresh', { json: { refresh_token } });

/** One after the other, so that no hash waits for another. */
export const signUp = async (url: string, names: readonly string[]): Promise<Person[]> => {
  const people: Person[] = [];
  for (const name of names) {
    const home = clientFrom(url, `198.51.100.${people.length + 1}`);
    const email = `${name}@example.com`;
    const answer = await home('POST', '/auth/signup', { json: { email, password } });
    requireStatus(`${email} signs up`, answer, 201);
    people.push({ email, home });
  }
  return people;
};

export type Administrator = (method: string, path: string, json?: object) => Promise<Answer>;

/** Makes an administrator of an account, as the README says, and logs in. */
export const appoint = async (dataDirectory: string, { email, home }: Person): Promise<Administrator> => {
  const run = await runScript(['scripts/admin-create.ts', '--email', email], { DATA_DIR: dataDirectory });
  if (run.status !== 0) throw fail('admin:create', run.stderr.trim());
  const { access: bearer } = tokensOf(await logIn(home, email));
  return (method, path, json) => home(method, path, { bearer, ...(json && { json }) });
};

export type AuditEvent = {
  readonly type: string;
  readonly subject_id: string | null;
  readonly ip: string | null;
  readonly details: Readonly<Record<string, unknown>>;
};

/** All events that a query of the audit trail finds, page by page. */
export const readAudit = async (administer: Administrator, query: string): Promise<AuditEvent[]> => {
  const events: AuditEvent[] = [];
  for (let cursor: unknown = ''; cursor !== null; ) {
    const answer = await administer('GET', `/audit?${query}${cursor ? `&cursor=${cursor}` : ''}`);
    const { body } = requireStatus('the audit trail is read', answer, 200);
    events.push(...(body.items as AuditEvent[]));
    cursor = body.next_cursor;
  }
  return events;
};

/** The samples of `/metrics` by their names: `itsor_problems_total{code="overloaded"}`. */
export const parseSamples = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm)].map(([, sample = '', value]) => [
      sample,
      Number(value),
    ]),
  );

type Counts = <const Name extends string>(
  samples: Readonly<Record<Name, string>>,
) => Promise<Record<Name, number>>;

/** Begins to count now: what led up to a step is in none of its numbers. */
export const startCounting = async (scraper: Send): Promise<Counts> => {
  const scrape = async () => {
    const answer = await scraper('GET', '/metrics', { bearer: metricsToken });
    return parseSamples(requireStatus('/metrics answers to METRICS_TOKEN', answer, 200).text);
  };
  const before = await scrape();
  return async <const Name extends string>(samples: Readonly<Record<Name, string>>) => {
    const after = await scrape();
    const rises = Object.entries<string>(samples).map(([name, sample]) => [
      name,
      (after.get(sample) ?? 0) - (before.get(sample) ?? 0),
    ]);
    return Object.fromEntries(rises) as Record<Name, number>;
  };
};

/** Reads until it is as wanted: metrics and events come a moment after the answer. @throws CliError with the last */
export const expectSoon = async <const T extends object>(
  step: string,
  wanted: T,
  read: () => Promise<{ readonly [Name in keyof T]: unknown }>,
  mostMs = 10_000,
): Promise<void> => {
  const deadlineMs = performance.now() + mostMs;
  for (;;) {
    const found = await read();
    if (isDeepStrictEqual(found, wanted)) return pass(step);
    if (performance.now() > deadlineMs)
      throw fail(step, `${JSON.stringify(found)}, and not ${JSON.stringify(wanted)}`);
    await sleep(200);
  }
};
