import { describe, expect, it } from 'vitest';
import { median, type Pair, ratioInterval, ratioOfMedians } from '../../scripts/bench/ratios.ts';

/** Reproducible numbers from 0 to 1 (Park and Miller's minimal standard generator). */
const createRandom = (seed: number) => () => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
};

/** Durations of about 30 ms with a long tail, the first of each pair slower by `factor`. */
const measured = (factor: number, random: () => number): Pair[] => {
  const duration = () => 28 + 4 * random() + (random() < 0.05 ? 60 : 0);
  return Array.from({ length: 400 }, () => [duration() * factor, duration()] as const);
};

describe('the statistics of the benchmarks', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[7], 7],
    [[10, 9, 100], 10],
  ])('take %o to have the median %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('compare the first of the pairs with the second', () => {
    const pairs: Pair[] = [
      [2, 1],
      [4, 2],
      [6, 3],
    ];
    expect(ratioOfMedians(pairs)).toBe(2);
    expect(ratioInterval(pairs.map(() => [2, 1] as const))).toEqual([2, 2]);
  });

  it('find a difference of five percent, and none where there is none', () => {
    const random = createRandom(7);
    const [low, high] = ratioInterval(measured(1.05, random), { random });
    expect(low).toBeGreaterThan(1.02);
    expect(high).toBeLessThan(1.08);

    const alike = ratioInterval(measured(1, random), { random });
    expect(alike[0]).toBeLessThan(1);
    expect(alike[1]).toBeGreaterThan(1);
    expect(alike[1] - alike[0]).toBeLessThan(0.03);
  });
});
