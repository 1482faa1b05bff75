import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { AppError } from '../../src/platform/errors.ts';
import { maxScanAttempts, uploadDelaysSeconds } from '../../src/uploads/rules/upload-schedule.ts';
import { createWork } from '../../src/uploads/service/work.ts';
import { newAccount, silentQueue } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { consume, runSchedule } from '../support/worker/invocations.ts';
import { guardduty } from '../support/worker/scan-result.ts';
import {
  auditOf,
  createUploader,
  declare,
  endUrl,
  makeDue,
  markInspected,
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

let written: MockInstance<typeof console.log>;
beforeEach(() => {
  written = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());
const logged = () => written.mock.calls.map(([line]) => JSON.parse(line));

const bindings = (variables: Record<string, unknown> = {}) =>
  ({ ...env, UPLOAD_QUEUE: silentQueue, ...variables }) as Bindings;
const sweep = (variables: Record<string, unknown> = {}) => runSchedule(bindings(variables));
/** Other tests leave work behind, and one sweep does a limited part of it. */
const sweepUntil = (isDone: () => Promise<void>) =>
  vi.waitFor(() => sweep().then(isDone), { timeout: 25_000, interval: 10 });
/** No server listens there. */
const clamavAway = { UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: '127.0.0.1:9', LOG_LEVEL: 'warn' };

const scanned = async () => {
  const id = await uploadFile(client, bearer);
  await workOn(id);
  return id;
};

/** A scanner that answers and refuses every file. */
const refusingScanner = () => {
  const { fetch } = globalThis;
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) =>
    new URL(new Request(input).url).hostname.startsWith('guardduty.')
      ? new Response(null, { status: 400 })
      : fetch(input, init),
  );
  return guardduty;
};

describe('a scan', () => {
  it('a failed scan is tried again, later each time, while the file stays in quarantine', async () => {
    const id = await uploadFile(client, bearer);
    await markInspected(id);
    const scanner = refusingScanner();
    for (const [index, delaySeconds] of uploadDelaysSeconds.entries()) {
      const again = { acked: [], retried: [{ body: id, delaySeconds }] };
      // GuardDuty begins the first scan by itself.
      expect(await workOn(id, scanner)).toEqual(index === 0 ? { acked: [id], retried: [] } : again);
      expect(await rowOf(id)).toMatchObject({ status: 'scanning', attempts: index + 1 });
      // The file is not due: neither the queue nor the sweep begins another scan.
      expect(await workOn(id, scanner)).toEqual({ acked: [id], retried: [] });
      expect((await rowOf(id))?.attempts).toBe(index + 1);
      await makeDue(id);
    }
    const before = await usageOf(user.id);
    expect(await objectsOf(id)).toHaveLength(1);
    await workOn(id);
    expect(await rowOf(id)).toMatchObject({
      status: 'failed',
      reason: 'scan_unanswered',
      bytes_deleted_at: expect.any(Date),
    });
    expect(await objectsOf(id)).toEqual([]);
    expect(Number((await usageOf(user.id))?.bytes)).toBe(Number(before?.bytes) - pdf.byteLength);
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed', 'upload.failed']);
    expect(logged()).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'upload dead letter', upload_id: id }),
    );
    expect(maxScanAttempts).toBe(uploadDelaysSeconds.length);
  });

  it('every round of the sweep asks a scanner that is away, without counting an attempt', async () => {
    const id = await uploadFile(client, bearer);
    for (let round = 0; round < 2 * maxScanAttempts; round++) {
      expect(await workOn(id, clamavAway)).toEqual({ acked: [id], retried: [] });
      expect(await rowOf(id)).toMatchObject({ status: 'scanning', attempts: 0 });
      const [row] =
        await sql`select next_attempt_at - now() between '20 seconds' and '30 seconds' as soon from uploads where id = ${id}`;
      expect(row).toEqual({ soon: true });
      await makeDue(id);
    }
    expect(logged()).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'scan delayed',
        upload_id: id,
        reason: 'clamd away',
      }),
    );
    await workOn(id);
    expect(await rowOf(id)).toMatchObject({ status: 'clean' });
  });

  it('a file fails when the scanner stays away for three days, and a scanner that is there is asked at any age', async () => {
    const [late, lost] = [await uploadFile(client, bearer), await uploadFile(client, bearer)];
    await sql`update uploads set created_at = now() - interval '73 hours' where id in (${late}, ${lost})`;
    await workOn(late);
    expect(await rowOf(late)).toMatchObject({ status: 'clean' });
    await workOn(lost, clamavAway);
    expect(await rowOf(lost)).toMatchObject({ status: 'failed', reason: 'scan_unanswered' });
    expect(await objectsOf(lost)).toEqual([]);
  });

  it('a scan of replaced bytes gives no verdict', async () => {
    const id = await uploadFile(client, bearer);
    const [key = ''] = await objectsOf(id);
    await env.UPLOADS.put(key, 'something else');
    expect((await workOn(id)).retried).toEqual([{ body: id, delaySeconds: 300 }]);
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', verdict: null });
  });

  it('one of two workers that begin at once does the scan', async () => {
    const id = await uploadFile(client, bearer);
    await Promise.all([workOn(id), workOn(id), workOn(id)]);
    expect((await auditOf(id)).filter((type) => type === 'upload.clean')).toHaveLength(1);
  });
});

describe('a clean file', () => {
  it('a clean file leaves the quarantine when its upload URL has ended', async () => {
    const id = await scanned();
    await workOn(id);
    expect(await objectsOf(id)).toEqual([`quarantine/${user.id}/${id}`]);
    await endUrl(id);
    await makeDue(id);
    await workOn(id);
    expect(await objectsOf(id)).toEqual([`clean/${user.id}/${id}`]);
    expect(await rowOf(id)).toMatchObject({ status: 'clean', next_attempt_at: null });
    const download = await client('GET', `/uploads/${id}/download`, { bearer });
    expect(new Uint8Array(await download.arrayBuffer())).toEqual(pdf);
  });

  it('a clean file that is deleted during its move leaves no copy', async () => {
    const id = await scanned();
    await endUrl(id);
    await makeDue(id);
    const [key = ''] = await objectsOf(id);
    const bucket = env.UPLOADS;
    const slow = {
      get: async (...given: Parameters<R2Bucket['get']>) => {
        const object = await bucket.get(...given);
        await client('DELETE', `/uploads/${id}`, { bearer });
        await workOn(id);
        return object;
      },
      put: bucket.put.bind(bucket),
      delete: bucket.delete.bind(bucket),
      head: bucket.head.bind(bucket),
      list: bucket.list.bind(bucket),
    };
    expect(key).toMatch(/^quarantine/);
    await workOn(id, { UPLOADS: slow });
    expect(await objectsOf(id)).toEqual([]);
  });
});

describe('an upload without a confirmation', () => {
  it('an unconfirmed upload expires with its bytes, its place in the quota and its row', async () => {
    const ticket = await declare(client, bearer);
    await put(client, ticket);
    const before = await usageOf(user.id);
    expect(await workOn(ticket.id)).toEqual({ acked: [ticket.id], retried: [] });
    expect(await objectsOf(ticket.id)).toHaveLength(1);
    await endUrl(ticket.id);
    await makeDue(ticket.id);
    await workOn(ticket.id);
    expect(await objectsOf(ticket.id)).toEqual([]);
    expect(await rowOf(ticket.id)).toBeUndefined();
    expect((await usageOf(user.id))?.files).toBe((before?.files ?? 0) - 1);
    expect(await auditOf(ticket.id)).toEqual(['upload.created', 'upload.expired']);
  });

  it('an unconfirmed upload stays a while after its URL has ended', async () => {
    const { id } = await declare(client, bearer);
    const [row] =
      await sql`select next_attempt_at > expires_at + interval '10 minutes' as later from uploads where id = ${id}`;
    expect(row).toEqual({ later: true });
  });
});

describe('the bytes of infected and failed files', () => {
  it('bytes that may not be kept are deleted at once, and again when the upload URL has ended', async () => {
    const id = await uploadFile(client, bearer);
    await client('DELETE', `/uploads/${id}`, { bearer });
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
    expect(await rowOf(id)).toMatchObject({
      deleted_at: expect.any(Date),
      bytes_deleted_at: expect.any(Date),
    });
    // A presigned URL of S3 would still have taken these bytes.
    await env.UPLOADS.put(`quarantine/${user.id}/${id}`, pdf);
    await endUrl(id);
    await makeDue(id);
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
    expect(await rowOf(id)).toBeUndefined();
  });

  it('the deletion of bytes is repeated while the storage fails, and each piece of work can be repeated', async () => {
    const id = await uploadFile(client, bearer);
    await client('DELETE', `/uploads/${id}`, { bearer });
    const broken = { UPLOADS: { delete: async () => Promise.reject(new Error('storage is down')) } };
    expect(await workOn(id, broken)).toEqual({ acked: [], retried: [{ body: id, delaySeconds: 300 }] });
    expect(await objectsOf(id)).toHaveLength(1);
    for (let count = 0; count < 3; count++) {
      await makeDue(id);
      expect(await workOn(id)).toEqual({ acked: [id], retried: [] });
    }
    expect(await objectsOf(id)).toEqual([]);
  });
});

describe('the sweep', () => {
  it('the sweep does work that the queue has lost', async () => {
    const id = await uploadFile(client, bearer);
    await sweepUntil(async () => expect(await rowOf(id)).toMatchObject({ status: 'clean' }));
  });

  it('the sweep deletes the files of a deleted account', async () => {
    const owner = await newAccount(client);
    const id = await uploadFile(client, owner.access_token);
    await workOn(id);
    await endUrl(id);
    await sql`delete from users where id = ${owner.user.id}`;
    await sweepUntil(async () => expect(await rowOf(id)).toBeUndefined());
    expect(await objectsOf(id)).toEqual([]);
  });

  it('the sweep forgets the events of a scanner after their time and keeps them until then', async () => {
    const [old, recent] = [crypto.randomUUID(), crypto.randomUUID()];
    await sql`insert into scan_events (id, received_at) values (${old}, now() - interval '49 hours'), (${recent}, now() - interval '47 hours')`;
    await sweep();
    expect(await sql`select id from scan_events where id in (${old}, ${recent})`).toEqual([{ id: recent }]);
  });

  it('the sweep goes on with other uploads when one fails', async () => {
    const [bad, good] = [await uploadFile(client, bearer), await uploadFile(client, bearer)];
    const [key = ''] = await objectsOf(bad);
    await env.UPLOADS.delete(key);
    await sweepUntil(async () => expect(await rowOf(good)).toMatchObject({ status: 'clean' }));
    expect(await rowOf(bad)).toMatchObject({ status: 'scanning', attempts: 1 });
    expect(logged()).toContainEqual(expect.objectContaining({ message: 'upload work', upload_id: bad }));
  });

  it('the sweep of a misconfigured Worker only logs that', async () => {
    const id = await uploadFile(client, bearer);
    await sweep({ JWT_ACCESS_MINUTES: 'x' });
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', attempts: 0 });
    expect(await workOn(id, { JWT_ACCESS_MINUTES: 'x' })).toMatchObject({ acked: [] });
  });
});

describe('dead letters of uploads', () => {
  const count = async () =>
    ((await (await client('GET', '/readyz')).json()) as { dead_letters: { uploads: number } }).dead_letters
      .uploads;

  it.each(['itsor-uploads-dead', 'itsor-staging-uploads-dead', 'itsor-production-uploads-dead'])(
    'in %s are logged, counted by /readyz for a day, and make nothing unready',
    async (queue) => {
      const [id, before] = [await uploadFile(client, bearer), await count()];
      const fate = await consume(queue, [id, 'not an id', null], bindings());
      expect(fate.acked).toHaveLength(3);
      expect(logged()).toContainEqual(
        expect.objectContaining({ level: 'error', message: 'upload dead letter', upload_id: id }),
      );
      expect(await count()).toBe(before + 1);
      expect((await client('GET', '/readyz')).status).toBe(200);
      await sql`update uploads set given_up_at = now() - interval '25 hours' where id = ${id}`;
      expect(await count()).toBe(before);
    },
  );
});

it('a file that finds no place to be inspected is put off, and that takes no attempt', async () => {
  const upload = {
    id: 'an id',
    userId: 'a user',
    objectName: 'a user/an id',
    status: 'scanning',
    attempts: 1,
    inspectedAt: null,
    deletedAt: null,
    createdAt: new Date(),
  };
  const jobs = { claim: async () => upload, postpone: vi.fn(async () => {}) };
  const scan = vi.fn();
  const work = createWork({
    jobs,
    scan,
    inspectContent: () => Promise.reject(new AppError('overloaded')),
    newScope: () => ({ now: new Date() }),
  } as never);
  expect(await work('an id')).toEqual({ kind: 'done' });
  expect(jobs.postpone).toHaveBeenCalledWith(expect.anything(), upload);
  expect(scan).not.toHaveBeenCalled();
});
