import { median, type Pair, ratioInterval, ratioOfMedians } from '../ratios.ts';

/** One contestant in one round. */
export type Sample = {
  readonly perSecond: number;
  /** CPU for each request; null where the platform does not tell. */
  readonly workerdMs: number | null;
  readonly postgresMs: number | null;
  /** Round trips to the database for each request. */
  readonly trips: number;
  /** The part of one core that the load generator needed. */
  readonly generatorShare: number | null;
};

/** Each has a sample of every round; the first is what the others are compared with. */
export type Measured = { readonly name: string; readonly samples: readonly Sample[] };

export type Goal =
  | { readonly kind: 'ratio'; readonly beside: string; readonly atLeast: number }
  | { readonly kind: 'workerd CPU'; readonly atMostMs: number };

const medianOf = (samples: readonly Sample[], field: keyof Sample): number | null => {
  const values = samples.flatMap((sample) => sample[field] ?? []);
  return values.length === 0 ? null : median(values);
};

const pairsOf = (first: Measured, other: Measured): Pair[] =>
  first.samples.map(({ perSecond }, round) => [perSecond, other.samples[round]?.perSecond ?? Number.NaN]);

const rate = (perSecond: number): string => perSecond.toFixed(perSecond < 100 ? 1 : 0);
const milliseconds = (ms: number | null): string => (ms === null ? '–' : `${ms.toFixed(2)} ms`);

const ratio = (first: Measured, other: Measured): string => {
  if (first === other) return '';
  const pairs = pairsOf(first, other);
  const [least, most] = ratioInterval(pairs);
  return `${ratioOfMedians(pairs).toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
};

const heads = (first: string) => [
  ...['', 'a second', `${first} beside it`, 'CPU of workerd', 'CPU of PostgreSQL', 'round trips'],
];

/** The medians of all rounds, and the ratio of the first row to each other one with its 95 % interval. */
export const printTable = (rows: readonly Measured[]): string[] => {
  const [first] = rows;
  if (!first) return [];
  const cells = rows.map((row) => [
    row.name,
    rate(medianOf(row.samples, 'perSecond') ?? Number.NaN),
    ratio(first, row),
    milliseconds(medianOf(row.samples, 'workerdMs')),
    milliseconds(medianOf(row.samples, 'postgresMs')),
    (medianOf(row.samples, 'trips') ?? Number.NaN).toFixed(1),
  ]);
  const lines = [heads(first.name), ...cells];
  const widths = heads('').map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
};

/** Whether a goal is met by the medians, in one line. */
export const printGoal = (rows: readonly Measured[], goal: Goal): string => {
  const [first] = rows;
  if (!first) throw new Error('nothing was measured');
  switch (goal.kind) {
    case 'ratio': {
      const other = rows.find(({ name }) => name === goal.beside);
      if (!other) throw new Error(`nothing was measured under the name ${goal.beside}`);
      const reached = ratioOfMedians(pairsOf(first, other));
      const verdict = reached >= goal.atLeast ? 'met' : 'missed';
      return `goal: at least ${goal.atLeast} of ${goal.beside}: ${reached.toFixed(2)}, ${verdict}`;
    }
    case 'workerd CPU': {
      const ms = medianOf(first.samples, 'workerdMs');
      const verdict = ms === null ? 'not measured' : ms <= goal.atMostMs ? 'met' : 'missed';
      return `goal: at most ${goal.atMostMs} ms CPU of workerd: ${milliseconds(ms)}, ${verdict}`;
    }
  }
};

/** How busy the load generator was with the contestant that kept it busiest; with a core of its own to fill, it limits. */
export const printGenerator = (name: string, rows: readonly Measured[]): string => {
  const shares = rows.flatMap(({ samples }) => medianOf(samples, 'generatorShare') ?? []);
  if (shares.length === 0) return `load by ${name}`;
  const most = Math.max(...shares);
  const warning = most > 0.8 ? ': it was the bottleneck, so the highest rates are too low' : '';
  return `load by ${name}, which needed at most ${Math.round(most * 100)} % of a core${warning}`;
};
