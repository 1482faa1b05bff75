import { setTimeout as sleep } from 'node:timers/promises';
import type { Uploader } from './client.ts';
import type { Made } from './sample.ts';

export type Waits = { readonly count: number; readonly p50: number; readonly max: number };

const pauseMs = 20;

const summarise = (waits: readonly number[]): Waits => {
  const sorted = waits.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
};

/** Asks again and again until a work has ended, and at least so many times. */
const askDuring = async (neighbour: Uploader, work: Promise<unknown>, least: number): Promise<Waits> => {
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  const waits: number[] = [];
  do {
    waits.push(await neighbour.meMs());
    await sleep(pauseMs);
  } while (!isOver || waits.length < least);
  await done;
  return summarise(waits);
};

/** What another account notices while one account confirms many bombs at once. */
export const measureNeighbour = async (
  attacker: Uploader,
  neighbour: Uploader,
  made: Made,
  count: number,
): Promise<{ readonly idle: Waits; readonly loaded: Waits; readonly outcomes: readonly string[] }> => {
  for (let round = 0; round < 10; round++) await neighbour.meMs();
  const idle = await askDuring(neighbour, Promise.resolve(), 100);
  const ids: string[] = [];
  for (let sent = 0; sent < count; sent++) {
    // The same declaration would be the same file.
    const id = await attacker.put({ ...made, filename: `${sent}-${made.filename}` });
    if (typeof id === 'string') ids.push(id);
  }
  const work = Promise.all(ids.map((id) => attacker.judge(id)));
  const loaded = await askDuring(neighbour, work, 1);
  const outcomes = (await work).map(({ outcome }) => outcome);
  return { idle, loaded, outcomes: [...outcomes, ...Array(count - ids.length).fill('not sent')] };
};
