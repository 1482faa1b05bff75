/** Two measurements, one after the other. */
export type Pair = readonly [number, number];

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

const medianOf = (pairs: readonly Pair[], which: 0 | 1): number => median(pairs.map((pair) => pair[which]));

export const ratioOfMedians = (pairs: readonly Pair[]): number => medianOf(pairs, 0) / medianOf(pairs, 1);

/**
 * The interval that holds 95 % of the ratios of resampled pairs (percentile bootstrap; Efron and Tibshirani,
 * "An Introduction to the Bootstrap", chapter 13). Pairs stay together, because they share the machine's load.
 */
export const ratioInterval = (
  pairs: readonly Pair[],
  { resamples = 2000, random = Math.random }: { resamples?: number; random?: () => number } = {},
): Pair => {
  const draw = (): Pair => pairs[Math.floor(random() * pairs.length)] as Pair;
  const ratios = Array.from({ length: resamples }, () =>
    ratioOfMedians(Array.from({ length: pairs.length }, draw)),
  ).sort((a, b) => a - b);
  const quantile = (share: number) => ratios[Math.round(share * (resamples - 1))] as number;
  return [quantile(0.025), quantile(0.975)];
};

type Measuring = {
  /** Measured first and thrown away. */
  readonly warmUp?: number;
  /** A slow machine measures fewer rounds, but at least one. */
  readonly limitMs: number;
};

/** The numbers below `count`, in an order that is drawn. */
const shuffled = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => ({ index, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ index }) => index);

/**
 * Measures several things in turns, in an order drawn for each round, so that none always comes after another.
 * @returns the measurements of each round, in the order of `measures`
 */
export const measureRounds = async <T>(
  measures: readonly ((turn: number) => Promise<T>)[],
  { rounds: count, warmUp = 0, limitMs }: Measuring & { readonly rounds: number },
): Promise<T[][]> => {
  const rounds: T[][] = [];
  const deadlineMs = performance.now() + limitMs;
  for (let turn = 0; turn < warmUp + count; turn++) {
    const round = new Map<number, T>();
    for (const index of shuffled(measures.length))
      round.set(index, await (measures[index] as (turn: number) => Promise<T>)(turn));
    const isLate = performance.now() > deadlineMs;
    if (turn >= warmUp || isLate) rounds.push(measures.map((_, index) => round.get(index) as T));
    if (isLate) break;
  }
  return rounds;
};

/** The same for two things. */
export const measurePairs = async (
  one: (turn: number) => Promise<number>,
  other: (turn: number) => Promise<number>,
  { pairs, ...measuring }: Measuring & { readonly pairs: number },
): Promise<Pair[]> =>
  (await measureRounds([one, other], { ...measuring, rounds: pairs })) as unknown as Pair[];

/** How often `run` ends in a second, where so many clients call it again and again for a round. */
export const rateOf = async (
  run: (client: number) => Promise<unknown>,
  { concurrency, roundMs }: { readonly concurrency: number; readonly roundMs: number },
): Promise<number> => {
  const startMs = performance.now();
  let runs = 0;
  const insist = async (_: unknown, client: number): Promise<void> => {
    for (; performance.now() - startMs < roundMs; runs++) await run(client);
  };
  await Promise.all(Array.from({ length: concurrency }, insist));
  return (runs * 1000) / (performance.now() - startMs);
};

/** Prints the medians of pairs and their ratio, which should lie between the two ends of the goal. */
export const reportPairs = (
  name: string,
  pairs: readonly Pair[],
  { unit, goal: [low, high] }: { readonly unit: string; readonly goal: Pair },
): void => {
  const ratio = ratioOfMedians(pairs);
  const [least, most] = ratioInterval(pairs);
  const isOneSided = low === 0 || high === Infinity;
  const goal = !isOneSided ? `${low} to ${high}` : low === 0 ? `at most ${high}` : `at least ${low}`;
  // An interval wider than the goal says nothing about it.
  const isBlurred = !isOneSided && most - least > high - low;
  const isReached = ratio >= low && ratio <= high;
  const verdict = isBlurred ? 'unclear on so busy a machine' : isReached ? 'reached' : 'missed';
  const medians = ([0, 1] as const).map((which) => medianOf(pairs, which).toFixed(2)).join(' / ');
  console.log(`${name}\n   ${pairs.length} pairs, medians ${medians} ${unit}`);
  console.log(
    `   ratio ${ratio.toFixed(3)}, 95 % interval ${least.toFixed(3)} to ${most.toFixed(3)} (goal ${goal}: ${verdict})`,
  );
};
