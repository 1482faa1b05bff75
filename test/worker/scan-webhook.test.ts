import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { guardduty, scanResult } from '../support/worker/scan-result.ts';
import {
  auditOf,
  createUploader,
  declare,
  markInspected,
  objectsOf,
  put,
  rowOf,
  uploadFile,
  workOn,
} from '../support/worker/uploads.ts';

const secret = guardduty.SCAN_CALLBACK_SECRET;
// The files of these tests lie on R2; the webhook reads only the rows.
const [files, webhook] = [createUploader(), createUploader(guardduty)];
const { access_token: bearer, user } = await newAccount(files);

const post = (json: unknown, headers: Record<string, string> = { 'X-Scan-Callback-Secret': secret }) =>
  webhook('POST', '/webhooks/scan-result', { json, headers });
const outcomeOf = async (json: unknown) => {
  const response = await post(json);
  expect(response.status).toBe(200);
  return ((await response.json()) as { outcome: string }).outcome;
};

/** A file that waits for its scan, with the key and ETag that an event has. */
const newFile = async () => {
  const id = await uploadFile(files, bearer);
  await markInspected(id);
  const key = `quarantine/${user.id}/${id}`;
  return { id, key, etag: (await rowOf(id))?.etag ?? '' };
};

describe('a scan result of GuardDuty', () => {
  it.each([
    ['NO_THREATS_FOUND', 'COMPLETED', null, 'applied', 'clean', null],
    ['THREATS_FOUND', 'COMPLETED', [{ name: 'EICAR-Test-File (not a virus)' }], 'applied', 'infected', null],
    ['UNSUPPORTED', 'SKIPPED', null, 'applied', 'failed', 'scan_unsupported'],
    ['ACCESS_DENIED', 'SKIPPED', null, 'unchanged', 'scanning', null],
    ['FAILED', 'FAILED', null, 'unchanged', 'scanning', null],
  ])(
    'the result %s (%s) gives the file its safe status',
    async (result, status, threats, outcome, final, reason) => {
      const { id, key, etag } = await newFile();
      expect(await outcomeOf(scanResult(key, etag, { result, status, threats }))).toBe(outcome);
      expect(await rowOf(id)).toMatchObject({ status: final, reason });
    },
  );

  it('a result may have its ETag in quotes, and new members', async () => {
    const { id, key, etag } = await newFile();
    const given = scanResult(key, `"${etag}"`);
    expect(
      await outcomeOf({ ...given, detail: { ...given.detail, newMember: { x: 1 } }, 'replay-name': 'x' }),
    ).toBe('applied');
    expect(await rowOf(id)).toMatchObject({ status: 'clean' });
  });

  it('a result that is delivered several times counts once', async () => {
    const { id, key, etag } = await newFile();
    const same = scanResult(key, etag);
    expect(await outcomeOf(same)).toBe('applied');
    expect(await outcomeOf(same)).toBe('replayed');
    // A message counts once, even for another file.
    const other = await newFile();
    expect(await outcomeOf(scanResult(other.key, other.etag, { id: same.id }))).toBe('replayed');
    expect(await rowOf(other.id)).toMatchObject({ status: 'scanning' });
    expect((await auditOf(id)).filter((type) => type === 'upload.clean')).toHaveLength(1);
  });

  it('a clean result does not change an infected file', async () => {
    const { id, key, etag } = await newFile();
    await outcomeOf(scanResult(key, etag, { result: 'THREATS_FOUND', threats: [{ name: 'x' }] }));
    expect(await outcomeOf(scanResult(key, etag))).toBe('unchanged');
    expect(await rowOf(id)).toMatchObject({ status: 'infected', verdict_detail: 'x' });
  });

  it.each<[string, (file: { key: string; etag: string }) => unknown]>([
    ['other bytes', ({ key }) => scanResult(key, 'd41d8cd98f00b204e9800998ecf8427e')],
    ['another bucket', ({ key, etag }) => scanResult(key, etag, { object: { bucketName: 'another' } })],
    ['another prefix', ({ key, etag }) => scanResult(key.replace('quarantine/', 'clean/'), etag)],
    ['another owner', ({ key, etag }) => scanResult(key.replace(user.id, crypto.randomUUID()), etag)],
    ['a key of another shape', ({ etag }) => scanResult('../../etc/passwd', etag)],
  ])('a result about %s is answered and changes nothing', async (_, about) => {
    const file = await newFile();
    expect(await outcomeOf(about(file))).toBe('unknown');
    expect(await rowOf(file.id)).toMatchObject({ status: 'scanning', verdict: null });
  });

  it('a result before the confirmation waits for it', async () => {
    const ticket = await declare(files, bearer);
    await put(files, ticket);
    const [key = ''] = await objectsOf(ticket.id);
    const { etag } = (await (env as Bindings).UPLOADS.head(key)) ?? { etag: '' };
    expect(await outcomeOf(scanResult(key, etag))).toBe('applied');
    expect(await rowOf(ticket.id)).toMatchObject({ status: 'pending' });
    const completed = await files('POST', `/uploads/${ticket.id}/complete`, { bearer });
    expect(await completed.json()).toMatchObject({ status: 'scanning' });
    await workOn(ticket.id);
    expect(await rowOf(ticket.id)).toMatchObject({ status: 'clean' });
  });

  it.each([
    ['a day ago', -86_400_000 - 60_000],
    ['the future', 360_000],
  ])('a result from %s is refused and changes nothing', async (_, offsetMs) => {
    const { id, key, etag } = await newFile();
    const time = new Date(Date.now() + offsetMs).toISOString();
    await expectProblem(await post(scanResult(key, etag, { time })), 422, 'validation_failed');
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', verdict: null });
  });

  it('a result may be some hours late', async () => {
    const { key, etag } = await newFile();
    const time = new Date(Date.now() - 80_000_000).toISOString().replace(/\.\d{3}/, '');
    expect(await outcomeOf(scanResult(key, etag, { time }))).toBe('applied');
  });

  it.each<[string, Record<string, string>]>([
    ['no secret', {}],
    ['an empty secret', { 'X-Scan-Callback-Secret': '' }],
    ['another secret', { 'X-Scan-Callback-Secret': `${secret}x` }],
    ['the beginning of the secret', { 'X-Scan-Callback-Secret': secret.slice(0, -1) }],
    ['the secret as a bearer token', { Authorization: `Bearer ${secret}` }],
  ])('a result with %s is refused', async (_, headers) => {
    const { id, key, etag } = await newFile();
    const response = await post(scanResult(key, etag), headers);
    const text = await expectProblem(response, 401, 'unauthenticated');
    expect(text).not.toContain(secret);
    // Before its event is judged, which costs more than the secret.
    await expectProblem(await post({ threats: Array(30_000).fill(0) }, headers), 401, 'unauthenticated');
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', verdict: null });
    expect(
      await sql`select count(*)::int as count from scan_events where received_at > now() + interval '1 day'`,
    ).toEqual([{ count: 0 }]);
  });

  it.each<[string, (good: ReturnType<typeof scanResult>) => unknown]>([
    ['of another service', (good) => ({ ...good, source: 'aws.s3' })],
    ['of another kind', (good) => ({ ...good, 'detail-type': 'GuardDuty Finding' })],
    ['without an id', ({ id: _, ...rest }) => rest],
    ['with a NUL in its id', (good) => ({ ...good, id: 'a\0b' })],
    ['with an invalid time', (good) => ({ ...good, time: 'yesterday' })],
    [
      'with an unknown result',
      (good) => ({ ...good, detail: { ...good.detail, scanResultDetails: { scanResultStatus: 'FINE' } } }),
    ],
    ['without a key', (good) => ({ ...good, detail: { ...good.detail, s3ObjectDetails: {} } })],
  ])('an event %s is refused', async (_, change) => {
    const { id, key, etag } = await newFile();
    await expectProblem(await post(change(scanResult(key, etag))), 422, 'validation_failed');
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', verdict: null });
  });

  it('a body of another kind is refused', async () => {
    const headers = { 'X-Scan-Callback-Secret': secret, 'Content-Type': 'text/plain' };
    const response = await webhook('POST', '/webhooks/scan-result', { body: '{}', headers });
    await expectProblem(response, 415, 'unsupported_media_type');
  });

  it('the webhook is not found where GuardDuty is not the scanner', async () => {
    const { key, etag } = await newFile();
    const response = await files('POST', '/webhooks/scan-result', {
      json: scanResult(key, etag),
      headers: { 'X-Scan-Callback-Secret': secret },
    });
    await expectProblem(response, 404, 'not_found');
    await expectProblem(await files('POST', '/webhooks/scan-result', { json: {} }), 404, 'not_found');
  });
});
