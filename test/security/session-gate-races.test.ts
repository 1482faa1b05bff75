import { expect, it } from 'vitest';
import { raceSize } from '../support/worker/database.ts';
import { endings, me, moves, warm } from '../support/worker/session-ends.ts';

const inParallel = raceSize(50);
/** Between two requests of one client, so that the request which ends the session is not kept waiting. */
const pauseMs = 100;

it.each(Object.keys(endings))('no request that begins after the answer to %s succeeds', async (way) => {
  const owner = await moves.newOwner();
  await warm(owner.bearer);
  let answered = false;
  let before = 0;
  const late: number[] = [];
  const asking = Array.from({ length: inParallel }, async (_, place) => {
    await scheduler.wait((place * pauseMs) / inParallel);
    for (let after = 0; after < 2; ) {
      const began = answered;
      const { status } = await me(owner.bearer);
      if (began) {
        after++;
        late.push(status);
      } else before++;
      await scheduler.wait(pauseMs);
    }
  });
  await endings[way]?.(owner);
  answered = true;
  await Promise.all(asking);
  expect(before).toBeGreaterThan(0);
  expect(late.filter((status) => status === 200)).toEqual([]);
});
