import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import {
  accountCount,
  bareHono,
  betterAuth,
  cachedBetterAuth,
  hasher,
  installBetterAuth,
  itsor,
  type Prepared,
  prepare,
} from './http/contestants.ts';
import { findLoadGenerator, type LoadGenerator } from './http/load.ts';
import { cpuMsBetween, type PostgresCpu, watchPostgresCpu } from './http/postgres-cpu.ts';
import {
  type Goal,
  type Measured,
  printGenerator,
  printGoal,
  printTable,
  type Sample,
} from './http/table.ts';
import { measureRounds } from './ratios.ts';
import { type BenchStack, withStack } from './stack.ts';
import { cpuMsOf } from './workerd.ts';

const usage = `npm run bench:http [-- --network-ms 5]
  Itsor beside better-auth, better-auth with its cookie cache, and a bare Hono Worker, each on a workerd of its own, with
  one database: requests per second, and the CPU of workerd and of PostgreSQL for each request. It takes three minutes,
  on the server of TEST_DATABASE_URL in a database that it makes and drops, or else on the embedded one. It installs
  better-auth into a temporary directory, for which it needs a package registry.
  --network-ms  milliseconds added to each round trip to the database (0)`;

type Task = {
  readonly title: string;
  readonly requests: 'me' | 'login';
  readonly connections: number;
  readonly seconds: number;
  readonly goals: readonly Goal[];
};

const me: Task = {
  title: 'GET /auth/me, warm',
  requests: 'me',
  connections: 16,
  seconds: 2,
  goals: [
    { kind: 'ratio', beside: betterAuth.name, atLeast: 3.5 },
    { kind: 'ratio', beside: cachedBetterAuth.name, atLeast: 1.3 },
    { kind: 'workerd CPU', atMostMs: 0.35 },
  ],
};

const login: Task = {
  title: 'login',
  requests: 'login',
  connections: accountCount,
  seconds: 3,
  goals: [{ kind: 'ratio', beside: hasher.name, atLeast: 0.95 }],
};

const measuring = { rounds: 6, warmUp: 1, limitMs: 80_000 };
const pauseMs = 200;
/** On a busy machine the hashes of a round may take as long as this. */
const settleLimitMs = 5_000;

/** Requests that the generator has given up are still computed, which must not slow down the next contestant. */
const settle = async ({ pid }: Prepared): Promise<void> => {
  const deadlineMs = performance.now() + settleLimitMs;
  let beforeMs: number | null;
  do {
    beforeMs = cpuMsOf(pid);
    await sleep(pauseMs);
  } while ((cpuMsOf(pid) ?? 0) - (beforeMs ?? 0) > pauseMs / 10 && performance.now() < deadlineMs);
};

type Bench = {
  readonly generator: LoadGenerator;
  readonly postgres: PostgresCpu | null;
  readonly roundTrips: () => Promise<number>;
};

const measure = async ({ generator, postgres, roundTrips }: Bench, task: Task, contestant: Prepared) => {
  const read = async () => ({
    workerdMs: cpuMsOf(contestant.pid),
    backends: (await postgres?.read()) ?? null,
    trips: await roundTrips(),
  });
  const requests = requestsOf(task, contestant);
  const before = await read();
  const load = await generator.measure({ ...task, url: contestant.url, requests });
  const after = await read();
  await settle(contestant);
  const each = (total: number | null) => (total === null ? null : total / load.requests);
  return {
    perSecond: load.perSecond,
    generatorShare: load.generatorShare,
    workerdMs: each(
      after.workerdMs === null || before.workerdMs === null ? null : after.workerdMs - before.workerdMs,
    ),
    postgresMs: each(before.backends && after.backends && cpuMsBetween(before.backends, after.backends)),
    trips: (after.trips - before.trips) / load.requests,
  } satisfies Sample;
};

/** What has no accounts is asked the same for every task. */
const requestsOf = (task: Task, { me, login }: Prepared) =>
  task.requests === 'me' || login.length === 0 ? me : login;

/** Prints how the first contestant does beside the others. */
const compare = async (bench: Bench, task: Task, contestants: readonly Prepared[]): Promise<void> => {
  const rounds = await measureRounds(
    contestants.map((contestant) => () => measure(bench, task, contestant)),
    measuring,
  );
  // An answer without an account would count as fast: a session may have ended meanwhile.
  for (const contestant of contestants) await contestant.verify(requestsOf(task, contestant));
  const rows: Measured[] = contestants.map(({ name }, index) => ({
    name,
    samples: rounds.flatMap((round) => round[index] ?? []),
  }));
  const { title, connections, seconds, goals } = task;
  console.log(`\n${title}: ${connections} connections, medians of ${rounds.length} rounds of ${seconds} s`);
  const lines = [...printTable(rows), ...goals.map((goal) => printGoal(rows, goal))];
  for (const line of [...lines, printGenerator(bench.generator.name, rows)]) console.log(`  ${line}`);
};

const run = async (stack: BenchStack): Promise<void> => {
  const load = loadavg()[0]?.toFixed(2);
  await using cleanup = new AsyncDisposableStack();
  const generator = await findLoadGenerator(join(stack.dataDirectory, 'tmp'));
  const postgres = stack.server && (await watchPostgresCpu(stack.server));
  cleanup.defer(async () => postgres?.close());
  const roundTrips = async (): Promise<number> => {
    const answer = await fetch(new URL('/round-trips', stack.endpointUrl));
    return ((await answer.json()) as { count: number }).count;
  };
  const bench: Bench = { generator, postgres, roundTrips };

  const version = await installBetterAuth(stack);
  const start = (contestant: Parameters<typeof prepare>[0]) => prepare(contestant, stack);
  const [ours, theirs, cached] = [await start(itsor), await start(betterAuth), await start(cachedBetterAuth)];
  const [bare, hashes] = [await start(bareHono), await start(hasher)];

  console.log(
    `${availableParallelism()} cores, load average ${load} before the start; better-auth ${version}`,
  );
  console.log(
    postgres
      ? `PostgreSQL ${postgres.version}`
      : 'TEST_DATABASE_URL is unset: the embedded database, whose CPU is that of its endpoint and is not told',
  );
  await compare(bench, me, [ours, theirs, cached, bare]);
  await compare(bench, login, [ours, theirs, hashes]);
};

const readNetworkMs = (): number => {
  const { 'network-ms': text } = readOptions({ 'network-ms': { type: 'string', default: '0' } }, usage);
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new CliError('--network-ms is a number of milliseconds from 0 to 999.');
};

runProgram(async () => {
  const networkMs = readNetworkMs();
  const serverUrl = process.env.TEST_DATABASE_URL || null;
  await withStack(run, { networkMs, serverUrl, inMemory: true, limitMs: 300_000 });
});
