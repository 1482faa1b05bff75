import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/platform/config/load.ts';
import { createDatabase } from '../../src/platform/db/client.ts';
import { noMetrics } from '../../src/platform/rules/metrics.ts';
import { createR2Store } from '../../src/platform/storage/r2.ts';
import { createLogger } from '../../src/platform/telemetry/logger.ts';
import { maxScanAttempts } from '../../src/uploads/rules/upload-schedule.ts';
import { createWork } from '../../src/uploads/service/work.ts';
import { createUploadJobSql } from '../../src/uploads/sql/upload-jobs.ts';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import {
  auditOf,
  createUploader,
  declare,
  endUrl,
  makeDue,
  objectsOf,
  pdf,
  put,
  rowOf,
  uploadFile,
  usageOf,
  workOn,
} from '../support/worker/uploads.ts';

const client = createUploader();
const { access_token: bearer, user } = await newAccount(client);
/** No server listens there. */
const clamavAway = { UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: '127.0.0.1:9' };

beforeEach(() => void vi.spyOn(console, 'log').mockImplementation(() => {}));
afterEach(() => void vi.restoreAllMocks());

const loseBytes = async (id: string) => {
  for (const key of await objectsOf(id)) await env.UPLOADS.delete(key);
  return id;
};
const sent = async () => {
  const ticket = await declare(client, bearer);
  await put(client, ticket, pdf);
  return ticket.id;
};
const scanned = async () => {
  const id = await uploadFile(client, bearer);
  await workOn(id);
  return id;
};
const removed = async (id: string) => {
  await client('DELETE', `/uploads/${id}`, { bearer });
  return id;
};

/** Works on an upload until nothing is due, as the sweep does. @returns the number of rounds */
const workOff = async (id: string, work: (id: string) => Promise<unknown>): Promise<number> => {
  await endUrl(id);
  for (let rounds = 0; rounds < 20; rounds++) {
    const row = await rowOf(id);
    if (!row?.next_attempt_at) return rounds;
    await makeDue(id);
    await work(id);
  }
  throw new Error('the work does not end');
};

const lateFile = async () => {
  const id = await uploadFile(client, bearer);
  await sql`update uploads set created_at = now() - interval '73 hours' where id = ${id}`;
  return id;
};

const loaded = loadConfig(env);
if (!loaded.ok) throw new Error('the tests are misconfigured');
const jobs = createUploadJobSql({
  db: createDatabase(loaded.config.database),
  newId: () => crypto.randomUUID(),
  metrics: noMetrics,
});
const newScope = () => ({
  now: new Date(),
  signal: AbortSignal.timeout(10_000),
  ip: null,
  userAgent: null,
  requestId: 'job',
});

describe('the end of an upload', () => {
  it.each<[string, () => Promise<string>, Record<string, unknown>, string | null]>([
    ['without bytes', async () => (await declare(client, bearer)).id, {}, null],
    ['without a confirmation', sent, {}, null],
    ['that was confirmed', () => uploadFile(client, bearer), {}, 'clean'],
    ['whose scanner never comes back', lateFile, clamavAway, 'failed'],
    [
      'whose bytes are gone before the scan',
      async () => loseBytes(await uploadFile(client, bearer)),
      {},
      'failed',
    ],
    ['whose bytes are gone after the scan', async () => loseBytes(await scanned()), {}, 'failed'],
    [
      'that was deleted while it waited for its bytes',
      async () => removed((await declare(client, bearer)).id),
      {},
      null,
    ],
    [
      'that was deleted while it waited for its scan',
      async () => removed(await uploadFile(client, bearer)),
      clamavAway,
      null,
    ],
    ['that was deleted when it was clean', async () => removed(await scanned()), {}, null],
  ])('the sweep alone brings an upload %s to its end', async (_, make, variables, status) => {
    const id = await make();
    expect(await workOff(id, (due) => workOn(due, variables))).toBeLessThanOrEqual(maxScanAttempts + 2);
    expect((await rowOf(id))?.status ?? null).toBe(status);
    expect(await objectsOf(id)).toHaveLength(status === 'clean' ? 1 : 0);
  });

  it('an upload fails after its attempts when the scanner was removed from the configuration', async () => {
    const id = await uploadFile(client, bearer);
    const store = createR2Store(env.UPLOADS);
    const work = createWork({
      jobs,
      store,
      scan: null,
      inspectContent: async () => null,
      enqueue: async () => {},
      newScope,
      log: createLogger({ level: 'error', pretty: false, clock: () => new Date(), write: () => {} }),
    });
    expect(await workOff(id, work)).toBe(maxScanAttempts + 1);
    expect(await rowOf(id)).toMatchObject({ status: 'failed', reason: 'scan_unanswered' });
    expect(await objectsOf(id)).toEqual([]);
  });

  it('the table refuses open work that is never due', async () => {
    const [pending, scanning, clean] = [await sent(), await uploadFile(client, bearer), await scanned()];
    for (const id of [pending, scanning, clean])
      await expect(sql`update uploads set next_attempt_at = null where id = ${id}`).rejects.toThrow(
        'uploads_open_work_is_due',
      );
    await expect(
      sql`update uploads set status = 'failed', next_attempt_at = null where id = ${scanning}`,
    ).rejects.toThrow('uploads_open_work_is_due');
    await expect(
      sql`update uploads set promoted_etag = 'x', deleted_at = now(), next_attempt_at = null where id = ${clean}`,
    ).rejects.toThrow('uploads_open_work_is_due');
  });
});

describe('a file that is deleted during other work', () => {
  it('a file that is deleted while its bytes are removed for another reason goes with its row', async () => {
    const id = await uploadFile(client, bearer);
    await sql`update uploads set status = 'infected' where id = ${id}`;
    await endUrl(id);
    const slow = {
      UPLOADS: {
        delete: async (key: string) => {
          await removed(id);
          await env.UPLOADS.delete(key);
        },
      },
    };
    await workOn(id, slow);
    expect((await rowOf(id))?.next_attempt_at).not.toBeNull();
    await workOff(id, workOn);
    expect(await rowOf(id)).toBeUndefined();
  });

  it('a deleted file is not given up too, and its bytes return to the quota once', async () => {
    const kept = await uploadFile(client, bearer);
    const id = await uploadFile(client, bearer);
    await removed(id);
    const before = await usageOf(user.id);
    expect(await jobs.giveUp(newScope(), id, 'scan_unanswered')).toBe(false);
    expect(await usageOf(user.id)).toEqual(before);
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed', 'upload.deleted']);
    expect(await rowOf(kept)).toMatchObject({ status: 'scanning' });
  });

  it('a file is not given up as lost after another worker has moved it', async () => {
    const id = await scanned();
    await endUrl(id);
    await makeDue(id);
    await workOn(id);
    expect(await jobs.giveUp(newScope(), id, 'bytes_gone')).toBe(false);
    expect(await rowOf(id)).toMatchObject({ status: 'clean' });
  });
});
