import { median, type Pair, ratioInterval, ratioOfMedians } from './statistics.ts';

/** Prints the medians of pairs and their ratio. An interval wider than the goal says nothing about it. */
export const reportPairs = (name: string, pairs: readonly Pair[], goal: Pair): void => {
  const ratio = ratioOfMedians(pairs);
  const [low, high] = ratioInterval(pairs);
  const [one, other] = [0, 1].map((at) => median(pairs.map((pair) => pair[at] ?? 0)).toFixed(2));
  const isBlurred = high - low > goal[1] - goal[0];
  const isReached = ratio >= goal[0] && ratio <= goal[1];
  const verdict = isBlurred ? 'not to be told on so busy a machine' : isReached ? 'reached' : 'missed';
  console.log(name);
  console.log(`   ${pairs.length} pairs, medians ${one} ms / ${other} ms`);
  console.log(
    `   ratio ${ratio.toFixed(3)}, 95 % interval ${low.toFixed(3)} to ${high.toFixed(3)} ` +
      `(goal ${goal.join(' to ')}, ${verdict})`,
  );
};

type Measuring = {
  readonly pairs: number;
  /** Measured first and thrown away. */
  readonly warmUp: number;
  /** A slow machine measures fewer pairs. */
  readonly limitMs: number;
};

/** Measures two things in turns, in an order drawn for each pair, so that neither always comes after the other. */
export const measurePairs = async (
  one: (turn: number) => Promise<number>,
  other: (turn: number) => Promise<number>,
  { pairs: count, warmUp, limitMs }: Measuring,
): Promise<Pair[]> => {
  const pairs: Pair[] = [];
  const deadlineMs = performance.now() + limitMs;
  for (let turn = 0; turn < warmUp + count && performance.now() < deadlineMs; turn++) {
    const isSwapped = Math.random() < 0.5;
    const first = await (isSwapped ? other : one)(turn);
    const second = await (isSwapped ? one : other)(turn);
    if (turn >= warmUp) pairs.push(isSwapped ? [second, first] : [first, second]);
  }
  return pairs;
};
