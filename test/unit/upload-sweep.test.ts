import { expect, test } from 'vitest';
import { createSweep } from '../../src/uploads/service/sweep.ts';

const ignore = () => {};
const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const facts = { requestId: 'sweep', ip: null, userAgent: null };

/** Sweeps where so many uploads are due, and some fail each time. @returns the ids in the order of their work */
const sweep = async (due: number, eachMs = 0): Promise<number[]> => {
  const waiting = Array.from({ length: due }, (_, index) => index);
  const worked: number[] = [];
  let nowMs = 0;
  const clock = () => new Date(nowMs);
  await createSweep({
    jobs: { tidy: async () => {}, due: async (_, limit) => waiting.splice(0, limit).map(String) },
    work: async (id) => {
      worked.push(Number(id));
      nowMs += eachMs;
      if (Number(id) % 7 === 0) throw new Error('no storage');
    },
    newScope: () => ({ ...facts, now: clock(), signal: new AbortController().signal }),
    clock,
    log,
  })();
  return worked;
};

test('a sweep goes on while more uploads are due than it reads at once, whether or not the work succeeds', async () => {
  expect(await sweep(200)).toHaveLength(200);
});

test('a sweep begins nothing more after 30 seconds, so that the mails of a run do not wait', async () => {
  expect(await sweep(200, 1000)).toHaveLength(30);
});

test('a sweep ends after 600 uploads, so that a run has an end', async () => {
  expect(await sweep(1000)).toHaveLength(600);
});
