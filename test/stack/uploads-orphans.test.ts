import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quarantinePrefix } from '../../src/uploads/rules/upload.ts';
import { bucket, type S3Server, s3Account, startS3Server } from '../support/node/s3-server.ts';
import { type RunningWorker, startWorker } from '../support/node/worker.ts';

let s3: S3Server;
let worker: RunningWorker;
beforeAll(async () => {
  s3 = await startS3Server();
  worker = await startWorker('sweep-worker');
});
afterAll(async () => {
  await worker?.stop();
  await s3?.stop();
});

/** A run this many days from now. */
const sweepIn = async (days: number, wanted: readonly string[] = []) => {
  const now = new Date(Date.now() + days * 86_400_000);
  const ask = { endpoint: s3.endpoint, bucket, account: s3Account, now, wanted };
  expect((await fetch(worker.url, { method: 'POST', body: JSON.stringify(ask) })).status).toBe(200);
};
const newKey = (uploadId: string) => `${quarantinePrefix}${randomUUID()}/${uploadId}`;

describe('the sweep of an S3 bucket', () => {
  it('the sweep removes objects that no upload wants from the quarantine after a day, and nothing else', async () => {
    const id = randomUUID();
    const [orphan, wanted] = [newKey(randomUUID()), newKey(id)];
    const foreign = [`${quarantinePrefix}readme.txt`, `clean/${randomUUID()}/${randomUUID()}`];
    for (const key of [orphan, wanted, ...foreign]) await s3.put(key);
    await sweepIn(0, [id]);
    expect(await s3.keys()).toEqual(expect.arrayContaining([orphan, wanted, ...foreign]));
    await sweepIn(2, [id]);
    expect((await s3.keys()).sort()).toEqual([wanted, ...foreign].sort());
  });
});
