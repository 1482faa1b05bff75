import { CliError, runProgram, stopRequest } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { createPostgresDatabase, withClient } from '../stack/postgres.ts';
import { median } from './ratios.ts';
import { createScaleDatabase, eventsPerUser, requireRoom } from './scale/database.ts';
import { createExplainingDatabase, planFaults } from './scale/plans.ts';
import { type Asked, type Question, questions, takeSamples } from './scale/questions.ts';

const usage = `npm run bench:scale [-- --rows 10000,100000]
  Whether the pages of administrators take the same time however many accounts and events there are; on the server of
  TEST_DATABASE_URL, in databases that it makes and drops.
  --rows  the numbers of accounts, in thousands from 10000 to 10000000 (10000,100000,1000000)`;

/** With fewer accounts, the last page of a rare type would be shorter. */
const smallest = 10_000;
const goal = 1.5;
const rounds = 200;
const warmUpRounds = 40;
/** A slow machine measures fewer rounds. */
const measureMs = 150_000;

type Size = Asked & { readonly users: number };

const readRows = (): number[] => {
  const { rows: text } = readOptions({ rows: { type: 'string', default: '10000,100000,1000000' } }, usage);
  const rows = text.split(',').map(Number);
  const isFit = (users: number) => users >= smallest && users <= 10_000_000 && users % 1000 === 0;
  if (rows.every(isFit)) return rows.sort((a, b) => a - b);
  throw new CliError(`--rows is a comma list of numbers of accounts, in thousands from ${smallest} on.`);
};

const readServer = (): string => {
  const url = process.env.TEST_DATABASE_URL;
  if (url) return url;
  throw new CliError('TEST_DATABASE_URL is needed: a PostgreSQL on which databases can be made and dropped.');
};

/** Prints the statements that need more than an index, at any size. @returns how many there are */
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

/** Each question of each database in turn, so that another load on the machine meets them all alike. */
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
  const cells = (texts: readonly string[]) => texts.map((text) => text.padStart(12)).join('');
  const counts = sizes.map(({ users }) => users.toLocaleString('en'));
  const measured = [...timings.values()][0]?.[0]?.times.length;
  console.log(
    `\np50 in ms, by number of accounts (${eventsPerUser} events each); ${measured} rounds\n${''.padEnd(42)}${cells([...counts, 'ratio', 'rows'])}`,
  );
  const ratios = [...timings].map(([{ name }, ofSizes]) => {
    const medians = ofSizes.map(({ times }) => median(times));
    const ratio = (medians.at(-1) ?? 0) / (medians[0] ?? 1);
    const rows = [...new Set(ofSizes.map((timing) => timing.rows))].join('/');
    const line = cells([...medians.map((ms) => ms.toFixed(2)), ratio.toFixed(2), rows]);
    console.log(`${name.padEnd(42)}${line}${ratio < goal ? '' : '  missed'}`);
    return ratio;
  });
  const worst = Math.max(...ratios);
  console.log(
    `\nlargest ratio ${worst.toFixed(2)} (goal under ${goal}, ${worst < goal ? 'reached' : 'missed'}): ${counts.at(-1)} accounts against ${counts[0]}`,
  );
};

/** Makes and fills a database; `cleanup` drops it. */
const createSize = async (server: string, users: number, cleanup: AsyncDisposableStack): Promise<Size> => {
  const startMs = performance.now();
  const note = (step: string) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    console.log(`${users.toLocaleString('en')} accounts: ${step} (${seconds} s)`);
  };
  const { url, fill, drop } = await createScaleDatabase(server, users);
  cleanup.defer(drop);
  await fill(note);
  const samples = await withClient(url, (client) => takeSamples(client, users));
  const db = createPostgresDatabase(url);
  cleanup.defer(db.close);
  return { users, db, samples };
};

runProgram(async () => {
  const rows = readRows();
  const server = readServer();
  await requireRoom(
    server,
    rows.reduce((sum, users) => sum + users, 0),
  );
  const stop = stopRequest().then(() => {
    throw new CliError('Stopped.');
  });
  await using cleanup = new AsyncDisposableStack();

  const work = async () => {
    const sizes: Size[] = [];
    for (const users of rows) sizes.push(await createSize(server, users, cleanup));
    const faulty = await explain(sizes);
    report(sizes, await measure(sizes));
    const explained = questions.length * sizes.length;
    if (faulty > 0)
      throw new CliError(`EXPLAIN: ${faulty} of ${explained} statements need more than an index.`);
    console.log(
      `EXPLAIN: ${explained} statements, each by index (${questions.length} at ${sizes.length} sizes)`,
    );
  };
  await Promise.race([work(), stop]);
});
