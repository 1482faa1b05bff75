import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tellsMemory, workerdMiB } from '../support/node/memory.ts';
import { startUploadWorker } from '../support/node/upload-worker.ts';

if (!tellsMemory) console.log('No /proc here: nobody has looked at the memory of uploads.');

/** The most that workerd holds while the work goes on, above what it held before. */
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
    // What the first request makes is made once.
    await worker.store(20);
    await worker.scan(20);
  });
  afterAll(() => worker?.stop());

  const clean = { kind: 'verdict', verdict: { kind: 'clean' } };

  it.each([
    ['stored', (mebibytes: number) => worker.store(mebibytes), 'stored'],
    ['scanned', (mebibytes: number) => worker.scan(mebibytes), clean],
  ] as const)('is %s in flat memory: 100 MiB do not fill an isolate', async (done, work, outcome) => {
    const growth = await growthMiB(async () => expect(await work(100)).toEqual(outcome));
    console.log(`100 MiB ${done}: workerd grew by ${growth.toFixed()} MiB at most.`);
    // Collectors take their time; what is kept whole would take the file's own size, and more.
    expect(growth).toBeLessThan(90);
  });
});
