import type { Send } from './client.ts';
import { unexpected } from './steps.ts';

/** What `/metrics` says, by its samples: `itsor_problems_total{code="overloaded"}`. */
export type Samples = ReadonlyMap<string, number>;

export const parseSamples = (text: string): Samples =>
  new Map(
    [...text.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm)].map(([, sample = '', value]) => [
      sample,
      Number(value),
    ]),
  );

/** What was counted since a moment, sample by sample: what led up to a step is none of its numbers. */
type Counted = <const Name extends string>(
  samples: Readonly<Record<Name, string>>,
) => Promise<Record<Name, number>>;

/** Begins to count, from that moment on. */
export type Counting = () => Promise<Counted>;

export const createCounting = (send: Send, token: string): Counting => {
  const scrape = async (): Promise<Samples> => {
    const answer = await send('GET', '/metrics', { bearer: token });
    if (answer.status !== 200) throw unexpected('/metrics answers to METRICS_TOKEN', answer, [200]);
    return parseSamples(answer.text);
  };
  return async () => {
    const before = await scrape();
    return async <const Name extends string>(samples: Readonly<Record<Name, string>>) => {
      const after = await scrape();
      const counted = Object.entries<string>(samples).map(([name, sample]) => [
        name,
        (after.get(sample) ?? 0) - (before.get(sample) ?? 0),
      ]);
      return Object.fromEntries(counted) as Record<Name, number>;
    };
  };
};
