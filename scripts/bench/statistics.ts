export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

/** Two measurements, one after the other. */
export type Pair = readonly [number, number];

export const ratioOfMedians = (pairs: readonly Pair[]): number =>
  median(pairs.map(([first]) => first)) / median(pairs.map(([, second]) => second));

/**
 * The interval that holds 95 % of the ratios of resampled pairs (percentile bootstrap; Efron and Tibshirani,
 * "An Introduction to the Bootstrap", chapter 13). Pairs stay together, for they share the machine's load.
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
