import { describe, expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { deadLetterQueue } from '../../src/mail/rules/outbox-schedule.ts';
import { readCopyResult, readListing } from '../../src/platform/storage/s3.ts';
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
  deletedAt: null,
};

describe('what is to be done about an upload', () => {
  it.each<[string, Partial<UploadRecord>, string]>([
    ['nobody confirmed', { status: 'pending' }, 'expire'],
    ['waits for its scan', { status: 'scanning' }, 'scan'],
    ['was scanned for the last time', { attempts: maxScanAttempts }, 'scan'],
    ['had no answer after that', { attempts: maxScanAttempts + 1 }, 'give_up'],
    ['is clean', { status: 'clean' }, 'promote'],
    ['is infected', { status: 'infected' }, 'discard'],
    ['has failed', { status: 'failed' }, 'discard'],
    ['was deleted, whatever it is', { status: 'clean', deletedAt: now }, 'purge'],
    ['has no owner any more', { status: 'scanning', userId: null }, 'purge'],
  ])('that %s', (_, given, task) => expect(taskOf({ ...upload, ...given })).toBe(task));

  it('comes later each time, and never before a scan that broke off has ended', () => {
    expect(uploadDelaysSeconds).toEqual(uploadDelaysSeconds.toSorted((one, other) => one - other));
    expect((uploadDelaysSeconds[0] ?? 0) * 1000).toBeGreaterThan(scanLimitMs);
    expect(delayAfter(1)).toBe(300);
    expect(delayAfter(99)).toBe(43_200);
  });
});

describe('a scanner that is away', () => {
  const later = (seconds: number) => new Date(upload.createdAt.getTime() + seconds * 1000);

  it('is asked in every round of the sweep, each minute, so that a file is judged in the second at the latest', () => {
    expect(scannerPauseSeconds).toBeLessThanOrEqual(30);
    expect(readConfig({ config: 'wrangler.toml' }, { hideWarnings: true }).triggers.crons).toEqual([
      '* * * * *',
    ]);
  });

  it('is waited for three days, longer than for one that does not answer', () => {
    expect(isLost(upload, later(3 * 86_400))).toBe(false);
    expect(isLost(upload, later(3 * 86_400 + 1))).toBe(true);
    const unanswered = uploadDelaysSeconds.reduce((sum, delay) => sum + delay, 0);
    expect(isLost(upload, later(unanswered))).toBe(false);
  });
});

describe('a key in quarantine', () => {
  it('is made of ids, and read back', () => {
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
  ])('is not %s', (key) => expect(readQuarantineKey(key)).toBeNull());
});

describe('documents of S3', () => {
  it('tell the ETag of a copy, and an error that came as 200 from one', () => {
    const etag = (quote: string) =>
      `<?xml version="1.0"?><CopyObjectResult><LastModified>x</LastModified><ETag>${quote}abc${quote}</ETag></CopyObjectResult>`;
    for (const quote of ['"', '&quot;', '&#34;', '']) expect(readCopyResult(etag(quote))).toBe('abc');
    expect(readCopyResult('<Error><Code>InternalError</Code><ETag>abc</ETag></Error>')).toBeNull();
  });

  it('list keys with their times, and where to go on', () => {
    const contents = (key: string) =>
      `<Contents><Key>${key}</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><Size>1</Size></Contents>`;
    const page = `<ListBucketResult>${contents('a')}\n${contents('b')}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>`;
    expect(readListing(page)).toEqual({
      objects: [
        { key: 'a', storedAt: now },
        { key: 'b', storedAt: now },
      ],
      cursor: 't',
    });
    expect(readListing('<ListBucketResult></ListBucketResult>')).toEqual({ objects: [], cursor: null });
  });
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

  it('has a queue of its own for uploads, and one for what that gives up', () => {
    expect([producer?.queue, consumer?.dead_letter_queue]).toEqual([prefix, `${prefix}-dead`]);
    expect(config.queues.consumers?.map(({ queue }: { queue: string }) => queue)).toContain(`${prefix}-dead`);
    expect(prefix).toMatch(uploadQueue);
    expect(prefix).not.toMatch(uploadDeadLetterQueue);
    expect(`${prefix}-dead`).toMatch(uploadDeadLetterQueue);
    expect(`${prefix}-dead`).not.toMatch(deadLetterQueue);
    expect(consumer?.retry_delay).toBeGreaterThanOrEqual(uploadDelaysSeconds[0] ?? 0);
  });

  it('has a bucket of its own', () => {
    expect(config.r2_buckets).toMatchObject([{ binding: 'UPLOADS', bucket_name: prefix }]);
  });
});
