import { env } from 'cloudflare:test';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, inject, it } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import { createDatabase } from '../../src/platform/db/client.ts';
import { noMetrics } from '../../src/platform/rules/metrics.ts';
import type { Verdict } from '../../src/platform/rules/scan.ts';
import type { ContentFlaw } from '../../src/uploads/rules/reasons.ts';
import { type BoundVerdict, createScanResultSql } from '../../src/uploads/sql/scan-results.ts';
import { createUploadJobSql } from '../../src/uploads/sql/upload-jobs.ts';
import { newAccount } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';
import {
  auditOf,
  createUploader,
  declare,
  makeDue,
  markInspected,
  objectsOf,
  pdf,
  put,
  rowOf,
  usageOf,
  workOn,
} from '../support/worker/uploads.ts';

const client = createUploader();
const { access_token: bearer, user } = await newAccount(client);
const db = createDatabase({ url: new Secret(inject('databaseUrl')), endpoint: inject('neonEndpoint') });
const newId = (now: Date) => uuidv7({ msecs: now.getTime() });
const results = createScanResultSql({ db, newId, metrics: noMetrics });
const jobs = createUploadJobSql({ db, newId, metrics: noMetrics });

const scope = () => ({
  now: new Date(),
  ip: null,
  userAgent: null,
  requestId: 'test',
  signal: AbortSignal.timeout(10_000),
});

const clean: Verdict = { kind: 'clean' };
const infected: Verdict = { kind: 'infected', detail: 'Test' };
const failed: Verdict = { kind: 'failed', reason: 'scan_unsupported' };

/** A file whose bytes have arrived. */
const newFile = async () => {
  const { id, ...ticket } = await declare(client, bearer);
  await put(client, { id, ...ticket });
  const [key = ''] = await objectsOf(id);
  const etag = (await env.UPLOADS.head(key))?.etag ?? '';
  const say = (verdict: Verdict, given: Partial<BoundVerdict> = {}) =>
    results.apply(scope(), {
      uploadId: id,
      objectName: `${user.id}/${id}`,
      etag,
      verdict,
      engine: 'test',
      eventId: null,
      ...given,
    });
  const confirm = async () =>
    (await (await client('POST', `/uploads/${id}/complete`, { bearer })).json()) as { status: string };
  const complete = async () => {
    await confirm();
    await markInspected(id);
  };
  const inspect = (flaw: ContentFlaw | null = null) => jobs.recordInspection(scope(), { id, etag }, flaw);
  return { id, key, say, confirm, complete, inspect };
};

const statusOf = async (id: string) => (await rowOf(id))?.status;
const heldBytes = async () => Number((await usageOf(user.id))?.bytes);

describe('a verdict', () => {
  it('a verdict before the confirmation waits for it, and counts if it is about the present bytes', async () => {
    const [good, other, refused] = [await newFile(), await newFile(), await newFile()];
    expect(await good.say(clean)).toBe('applied');
    expect(await other.say(clean, { etag: 'another' })).toBe('applied');
    expect(await refused.say(failed)).toBe('applied');
    expect([await statusOf(good.id), await statusOf(other.id)]).toEqual(['pending', 'pending']);
    expect(await good.confirm()).toMatchObject({ status: 'scanning' });
    expect(await other.confirm()).toMatchObject({ status: 'scanning' });
    expect(await refused.confirm()).toMatchObject({ status: 'failed', reason: 'scan_unsupported' });
    expect([await good.inspect(), await other.inspect()]).toEqual(['clean', 'scanning']);
    // Two events of one statement have no order.
    expect((await auditOf(good.id)).toSorted()).toEqual([
      'upload.clean',
      'upload.completed',
      'upload.created',
    ]);
  });

  it('a threat that is found before the confirmation ends the upload at once', async () => {
    const { id, say, confirm } = await newFile();
    expect(await say(infected, { etag: 'whatever was there' })).toBe('applied');
    expect(await statusOf(id)).toBe('infected');
    expect(await confirm()).toMatchObject({ status: 'infected', reason: 'infected' });
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
  });

  it('a clean verdict does not replace a failed one before the confirmation', async () => {
    const { say, confirm } = await newFile();
    await say(failed);
    expect(await say(clean)).toBe('unchanged');
    expect(await confirm()).toMatchObject({ status: 'failed' });
  });

  it('a verdict about other bytes, another object or another file changes nothing', async () => {
    const { id, say, complete } = await newFile();
    await complete();
    for (const given of [
      { etag: 'another' },
      { objectName: `${crypto.randomUUID()}/${id}` },
      { uploadId: crypto.randomUUID() },
    ]) {
      expect(await say(clean, given)).toBe('unknown');
      expect(await say(infected, given)).toBe('unknown');
    }
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', verdict: null });
  });

  it.each<[string, readonly Verdict[], string]>([
    ['clean, then infected', [clean, infected], 'infected'],
    ['infected, then clean', [infected, clean], 'infected'],
    ['clean, then failed', [clean, failed], 'failed'],
    ['failed, then clean', [failed, clean], 'failed'],
    ['failed, then infected', [failed, infected], 'infected'],
    ['infected, then failed', [infected, failed], 'infected'],
    ['clean, infected, clean', [clean, infected, clean], 'infected'],
    ['clean, clean', [clean, clean], 'clean'],
  ])(
    'the worst of several verdicts wins, and the bytes return to the quota once: %s',
    async (_, said, final) => {
      const { id, say, complete } = await newFile();
      await complete();
      const before = await heldBytes();
      for (const verdict of said) await say(verdict);
      expect(await statusOf(id)).toBe(final);
      expect(await heldBytes()).toBe(final === 'clean' ? before : before - pdf.byteLength);
      const types = await auditOf(id);
      expect(new Set(types).size).toBe(types.length);
    },
  );

  it('a threat that is found later blocks a clean file that has been moved', async () => {
    const { id, say, complete } = await newFile();
    await complete();
    await say(clean);
    await sql`update uploads set expires_at = now() where id = ${id}`;
    await makeDue(id);
    await workOn(id);
    expect(await objectsOf(id)).toEqual([`clean/${user.id}/${id}`]);
    expect((await client('GET', `/uploads/${id}/download`, { bearer })).status).toBe(200);
    expect(await say(infected)).toBe('applied');
    expect((await client('GET', `/uploads/${id}/download`, { bearer })).status).toBe(409);
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
  });

  it('a file is clean only when it was inspected without a flaw and scanned, in either order', async () => {
    const [scannedFirst, flawed] = [await newFile(), await newFile()];
    for (const { id, say, confirm } of [scannedFirst, flawed]) {
      await confirm();
      expect(await say(clean)).toBe('applied');
      expect(await rowOf(id)).toMatchObject({ status: 'scanning', verdict: 'clean', inspected_at: null });
      expect((await client('GET', `/uploads/${id}/download`, { bearer })).status).toBe(409);
    }
    expect([await scannedFirst.inspect(), await scannedFirst.inspect('macros')]).toEqual(['clean', 'clean']);
    expect([await flawed.inspect('macros'), await flawed.say(clean)]).toEqual(['failed', 'unchanged']);
    expect(await rowOf(flawed.id)).toMatchObject({ status: 'failed', reason: 'macros', inspected_at: null });
    expect((await client('GET', `/uploads/${scannedFirst.id}/download`, { bearer })).status).toBe(200);
  });

  it('a verdict about a deleted file is unknown', async () => {
    const { id, say, complete } = await newFile();
    await complete();
    await client('DELETE', `/uploads/${id}`, { bearer });
    expect(await say(clean)).toBe('unknown');
    expect(await statusOf(id)).toBe('scanning');
  });

  it('the table refuses a clean file without a clean verdict about its bytes', async () => {
    const { id, complete } = await newFile();
    await complete();
    await expect(sql`update uploads set status = 'clean' where id = ${id}`).rejects.toThrow(
      'uploads_clean_is_proved',
    );
    await expect(
      sql`update uploads set status = 'clean', verdict = 'clean', verdict_etag = 'x' where id = ${id}`,
    ).rejects.toThrow('uploads_clean_is_proved');
  });
});

describe('verdicts at the same time', () => {
  const rounds = raceRounds(12);
  const eachRound = async (work: (file: Awaited<ReturnType<typeof newFile>>) => Promise<void>) => {
    for (let round = 0; round < rounds; round++) await work(await newFile());
  };

  it('a verdict at the time of the confirmation is kept', async () => {
    await eachRound(async ({ id, say, confirm, inspect }) => {
      await Promise.all([confirm(), say(clean)]);
      await inspect();
      expect(await statusOf(id)).toBe('clean');
    });
  });

  it('a threat at the time of the confirmation wins', async () => {
    await eachRound(async ({ id, say, complete }) => {
      await Promise.all([complete(), say(infected), say(clean)]);
      expect(await statusOf(id)).toBe('infected');
    });
  });

  it('the worst of parallel verdicts wins, and the bytes return to the quota once', async () => {
    await eachRound(async ({ id, say, complete }) => {
      await complete();
      const before = await heldBytes();
      await Promise.all([clean, infected, clean, failed, infected, clean].map((verdict) => say(verdict)));
      expect(await statusOf(id)).toBe('infected');
      expect(await heldBytes()).toBe(before - pdf.byteLength);
      const types = await auditOf(id);
      expect(types.filter((type) => type === 'upload.infected')).toHaveLength(1);
    });
  });

  it('a verdict at the time of giving up: one of the two wins, and takes effect once', async () => {
    await eachRound(async ({ id, say, complete }) => {
      await complete();
      const before = await heldBytes();
      await Promise.all([say(clean), jobs.giveUp(scope(), id, 'scan_unanswered'), say(clean)]);
      const status = await statusOf(id);
      expect(['clean', 'failed']).toContain(status);
      expect(await heldBytes()).toBe(status === 'clean' ? before : before - pdf.byteLength);
      expect(await say(clean)).toBe('unchanged');
      expect(await statusOf(id)).toBe(status);
    });
  });

  it('a verdict at the time of the deletion: the bytes return to the quota once', async () => {
    await eachRound(async ({ id, say, complete }) => {
      await complete();
      const before = await heldBytes();
      await Promise.all([say(infected), client('DELETE', `/uploads/${id}`, { bearer }), say(clean)]);
      expect(await heldBytes()).toBe(before - pdf.byteLength);
      expect((await rowOf(id))?.deleted_at).not.toBeNull();
    });
  });

  it('parallel verdicts of the same message count once', async () => {
    await eachRound(async ({ id, say, complete }) => {
      await complete();
      const eventId = crypto.randomUUID();
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => say(clean, { eventId })));
      expect(outcomes.toSorted()).toEqual(['applied', ...Array(4).fill('replayed')]);
      expect(await statusOf(id)).toBe('clean');
    });
  });

  it('a file becomes clean or fails once when inspections and verdicts come at the same time', async () => {
    await eachRound(async ({ id, say, confirm, inspect }) => {
      await confirm();
      await Promise.all([inspect(), say(clean), inspect(), say(clean)]);
      expect(await statusOf(id)).toBe('clean');
      expect((await auditOf(id)).filter((type) => type === 'upload.clean')).toHaveLength(1);
    });
    await eachRound(async ({ id, say, confirm, inspect }) => {
      await confirm();
      await Promise.all([inspect('macros'), say(clean), inspect('macros')]);
      expect(await statusOf(id)).toBe('failed');
      expect((await auditOf(id)).filter((type) => type === 'upload.failed')).toHaveLength(1);
    });
  });

  it('parallel confirmations confirm the bytes once', async () => {
    await eachRound(async ({ id, confirm }) => {
      await Promise.all(Array.from({ length: 5 }, confirm));
      expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed']);
    });
  });
});
