import { parseArgs } from 'node:util';
import { CliError, runProgram, stopRequest } from '../program/cli.ts';
import { createPostgresDatabase, withClient } from '../stack/postgres.ts';
import { createScaleDatabase, requireRoom } from './scale/database.ts';
import { eventsPerUser } from './scale/fill.ts';
import { createExplainingDatabase, planFaults } from './scale/plans.ts';
import { type Asked, type Question, questions } from './scale/questions.ts';
import { takeSamples } from './scale/samples.ts';
import { median } from './statistics.ts';

// npm run bench:scale [-- --rows 10000,100000]: do the pages of administrators take the same time however many
// accounts and events there are? On the server of TEST_DATABASE_URL, in databases that it makes and drops.

const usual = [10_000, 100_000, 1_000_000];
/** With fewer, the last page of what is rare would be shorter. */
const smallest = 10_000;
const goal = 1.5;
const rounds = 200;
const warmUpRounds = 40;
/** A slow machine measures fewer rounds. */
const measureMs = 150_000;

type Size = Asked & { readonly users: number };

const readRows = (): number[] => {
  const text = parse().rows;
  if (text === undefined) return usual;
  const rows = text.split(',').map(Number);
  const isFit = (users: number) => users >= smallest && users <= 10_000_000 && users % 1000 === 0;
  if (rows.every(isFit)) return rows.sort((a, b) => a - b);
  throw new CliError(`--rows is a comma list of numbers of accounts, in thousands from ${smallest} on.`);
};

const parse = () => {
  try {
    return parseArgs({ options: { rows: { type: 'string' } } }).values;
  } catch (error) {
    throw new CliError(`${(error as Error).message}\n\nnpm run bench:scale [-- --rows 10000,100000]`);
  }
};

const serverUrl = (): string => {
  const url = process.env.TEST_DATABASE_URL;
  if (url) return url;
  throw new CliError('TEST_DATABASE_URL is needed: a PostgreSQL on which databases can be made and dropped.');
};

/** How many of the statements do not go by an index, at any size. */
const explain = async (sizes: readonly Size[]): Promise<number> => {
  let faulty = 0;
  for (const { name, ask } of questions) {
    for (const { db, samples, users } of sizes) {
      const explaining = createExplainingDatabase(db);
      await ask({ db: explaining.db, samples }, 0);
      const faults = explaining.take().flatMap((plan) => planFaults(plan));
      if (faults.length > 0) faulty += 1;
      for (const fault of faults) console.error(`${name}, ${users} accounts: ${fault}`);
    }
  }
  return faulty;
};

type Timing = { readonly times: readonly number[]; readonly rows: number };

/** Each question of each database in turn, so that whatever else the machine does meets them all. */
const measure = async (sizes: readonly Size[]): Promise<Map<Question, Timing[]>> => {
  const timings = new Map(
    questions.map((question) => [question, sizes.map(() => ({ times: [] as number[], rows: 0 }))]),
  );
  const deadlineMs = performance.now() + measureMs;
  for (let round = 0; round < warmUpRounds + rounds && performance.now() < deadlineMs; round++) {
    for (const [question, ofSizes] of timings) {
      for (let step = 0; step < sizes.length; step++) {
        const index = (step + round) % sizes.length;
        const [size, timing] = [sizes[index], ofSizes[index]];
        if (!size || !timing) continue;
        const startMs = performance.now();
        timing.rows = await question.ask(size, round);
        if (round >= warmUpRounds) timing.times.push(performance.now() - startMs);
      }
    }
  }
  return timings;
};

const report = (sizes: readonly Size[], timings: Map<Question, Timing[]>): void => {
  const width = 12;
  const cells = (texts: readonly string[]) => texts.map((text) => text.padStart(width)).join('');
  const table = [...timings].map(([{ name }, ofSizes]) => {
    const medians = ofSizes.map(({ times }) => median(times));
    return {
      name,
      medians,
      ratio: (medians.at(-1) ?? 0) / (medians[0] ?? 1),
      rows: ofSizes.map(({ rows }) => rows),
    };
  });
  const counts = sizes.map(({ users }) => users.toLocaleString('en'));
  console.log(
    `\np50 in ms, by number of accounts (${eventsPerUser} events each); ${[...timings.values()][0]?.[0]?.times.length} rounds`,
  );
  console.log(`${''.padEnd(42)}${cells([...counts, 'ratio', 'rows'])}`);
  for (const { name, medians, ratio, rows } of table) {
    const verdict = ratio < goal ? '' : '  missed';
    const same = new Set(rows).size === 1 ? String(rows[0]) : rows.join('/');
    console.log(
      `${name.padEnd(42)}${cells([...medians.map((ms) => ms.toFixed(2)), ratio.toFixed(2), same])}${verdict}`,
    );
  }
  const worst = Math.max(...table.map(({ ratio }) => ratio));
  console.log(
    `\nlargest ratio ${worst.toFixed(2)} (goal under ${goal}, ${worst < goal ? 'reached' : 'missed'}): ${counts.at(-1)} accounts against ${counts[0]}`,
  );
};

runProgram(async () => {
  const server = serverUrl();
  const rows = readRows();
  const total = rows.reduce((sum, users) => sum + users, 0);
  await requireRoom(server, total);
  const stop = stopRequest().then(() => {
    throw new CliError('Stopped.');
  });
  await using cleanup = new AsyncDisposableStack();

  const work = async () => {
    const sizes: Size[] = [];
    for (const users of rows) {
      const startMs = performance.now();
      const note = (step: string) =>
        console.log(
          `${users.toLocaleString('en')} accounts: ${step} (${((performance.now() - startMs) / 1000).toFixed(0)} s)`,
        );
      const { url, fill, drop } = await createScaleDatabase(server, users);
      cleanup.defer(drop);
      await fill(note);
      const samples = await withClient(url, (client) => takeSamples(client, users));
      const db = createPostgresDatabase(url);
      cleanup.defer(db.close);
      sizes.push({ users, db, samples });
    }
    const faulty = await explain(sizes);
    report(sizes, await measure(sizes));
    const explained = questions.length * sizes.length;
    if (faulty > 0)
      throw new CliError(`EXPLAIN: ${faulty} of ${explained} statements do not go by an index alone.`);
    console.log(
      `EXPLAIN: ${explained} statements, each by index (${questions.length} at ${sizes.length} sizes)`,
    );
  };
  await Promise.race([work(), stop]);
});
