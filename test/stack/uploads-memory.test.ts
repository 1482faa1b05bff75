import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tellsMemory, workerdMiB } from '../support/node/memory.ts';
import { startUploadWorker } from '../support/node/upload-worker.ts';

if (!tellsMemory) console.log('No /proc here: nobody has looked at the memory of uploads.');

/** The peak of workerd's memory during the work, above its memory before. */
const growthMiB = async (work: () => Promise<unknown>): Promise<number> => {
  const before = workerdMiB(process.pid);
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, workerdMiB(process.pid));
  }, 20);
  await work().finally(() => clearInterval(watch));
  return most - before;
};

describe.skipIf(!tellsMemory)('a file on its way through the Worker', () => {
  let worker: Awaited<ReturnType<typeof startUploadWorker>>;
  beforeAll(async () => {
    worker = await startUploadWorker();
    // The first request makes objects that stay.
    await worker.store(20);
    await worker.scan(20);
  });
  afterAll(() => worker?.stop());

  const clean = { kind: 'verdict', verdict: { kind: 'clean' } };

  it.each([
    ['stored', (mebibytes: number) => worker.store(mebibytes), 'stored'],
    ['scanned', (mebibytes: number) => worker.scan(mebibytes), clean],
    // Proves ASVS 5.2.1.
  ] as const)('100 MiB are %s in flat memory', async (done, work, outcome) => {
    const growth = await growthMiB(async () => expect(await work(100)).toEqual(outcome));
    console.log(`100 MiB ${done}: workerd grew by ${growth.toFixed()} MiB at most.`);
    // Garbage collection takes its time; a file that is held whole would take its own size and more.
    expect(growth).toBeLessThan(90);
  });
});
