import { describe, expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { restSeconds } from '../../src/agenda/rules.ts';
import { deadLetterQueue } from '../../src/mail/rules/outbox-schedule.ts';
import {
  objectName,
  quarantineKey,
  readQuarantineKey,
  type UploadRecord,
} from '../../src/uploads/rules/upload.ts';
import {
  delayAfter,
  isLost,
  maxScanAttempts,
  scanLimitMs,
  scannerPauseSeconds,
  taskOf,
  uploadDeadLetterQueue,
  uploadDelaysSeconds,
  uploadQueue,
} from '../../src/uploads/rules/upload-schedule.ts';

const now = new Date('2026-11-20T10:00:00.000Z');
const upload: UploadRecord = {
  id: '01a1f941-a557-7469-b29e-230dde1fa580',
  userId: '01a1f941-a317-7660-9d8a-a5f0ed7e9950',
  filename: 'report.pdf',
  contentType: 'application/pdf',
  size: 1,
  sha256: '00',
  status: 'scanning',
  reason: null,
  objectName: 'x',
  etag: 'e',
  promotedEtag: null,
  attempts: 1,
  createdAt: now,
  expiresAt: now,
  nextAttemptAt: null,
  inspectedAt: null,
  deletedAt: null,
};

describe('the work on an upload', () => {
  it.each<[string, Partial<UploadRecord>, string]>([
    ['is not confirmed', { status: 'pending' }, 'expire'],
    ['waits for its scan', { status: 'scanning' }, 'scan'],
    ['was scanned for the last time', { attempts: maxScanAttempts }, 'scan'],
    ['had no answer after that', { attempts: maxScanAttempts + 1 }, 'give_up'],
    ['is clean', { status: 'clean' }, 'promote'],
    ['is infected', { status: 'infected' }, 'discard'],
    ['has failed', { status: 'failed' }, 'discard'],
    ['was deleted in any status', { status: 'clean', deletedAt: now }, 'purge'],
    ['has no owner', { status: 'scanning', userId: null }, 'purge'],
  ])('the work on an upload that %s follows from its row', (_, given, task) =>
    expect(taskOf({ ...upload, ...given })).toBe(task),
  );

  it('each attempt comes later than the one before, and after a broken scan has ended', () => {
    expect(uploadDelaysSeconds).toEqual(uploadDelaysSeconds.toSorted((one, other) => one - other));
    expect((uploadDelaysSeconds[0] ?? 0) * 1000).toBeGreaterThan(scanLimitMs);
    expect(delayAfter(1)).toBe(300);
    expect(delayAfter(99)).toBe(43_200);
  });
});

describe('a scanner that is away', () => {
  const later = (seconds: number) => new Date(upload.createdAt.getTime() + seconds * 1000);

  it('a scanner that is away is asked in every round of the sweep, each minute', () => {
    expect(scannerPauseSeconds).toBeLessThanOrEqual(30);
    // The agenda rests for so long between two runs.
    expect(restSeconds).toBe(60);
  });

  it('a file waits three days for a scanner that is away, longer than for one that does not answer', () => {
    expect(isLost(upload, later(3 * 86_400))).toBe(false);
    expect(isLost(upload, later(3 * 86_400 + 1))).toBe(true);
    const unanswered = uploadDelaysSeconds.reduce((sum, delay) => sum + delay, 0);
    expect(isLost(upload, later(unanswered))).toBe(false);
  });
});

describe('a key in quarantine', () => {
  // Proves ASVS 5.3.2.
  it('a key in quarantine is made of ids, and read back', () => {
    const name = objectName(upload.userId ?? '', upload.id);
    expect(readQuarantineKey(quarantineKey(name))).toEqual({ objectName: name, uploadId: upload.id });
  });

  it.each([
    '',
    'clean/x/y',
    'quarantine/x/y',
    'quarantine/../x',
    `x/quarantine/${upload.userId}/${upload.id}`,
    `quarantine/${upload.userId}/${upload.id}/x`,
  ])('the key %j is not one in quarantine', (key) => expect(readQuarantineKey(key)).toBeNull());
});

describe.each([
  ['local', undefined],
  ['staging', 'staging'],
  ['production', 'production'],
])('wrangler.toml, %s', (_, env) => {
  const config = readConfig({ config: 'wrangler.toml', env: env ?? '' }, { hideWarnings: true });
  const prefix = env ? `itsor-${env}-uploads` : 'itsor-uploads';
  const producer = config.queues.producers?.find(
    ({ binding }: { binding: string }) => binding === 'UPLOAD_QUEUE',
  );
  const consumer = config.queues.consumers?.find(({ queue }: { queue: string }) => queue === producer?.queue);

  it('uploads have a queue of their own, and one for dead letters', () => {
    expect([producer?.queue, consumer?.dead_letter_queue]).toEqual([prefix, `${prefix}-dead`]);
    expect(config.queues.consumers?.map(({ queue }: { queue: string }) => queue)).toContain(`${prefix}-dead`);
    expect(prefix).toMatch(uploadQueue);
    expect(prefix).not.toMatch(uploadDeadLetterQueue);
    expect(`${prefix}-dead`).toMatch(uploadDeadLetterQueue);
    expect(`${prefix}-dead`).not.toMatch(deadLetterQueue);
    expect(consumer?.retry_delay).toBeGreaterThanOrEqual(uploadDelaysSeconds[0] ?? 0);
  });

  it('uploads have a bucket of their own', () => {
    expect(config.r2_buckets).toMatchObject([{ binding: 'UPLOADS', bucket_name: prefix }]);
  });
});
