import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { inspectStorage } from '../../scripts/doctor/storage.ts';
import { Secret } from '../../src/platform/config/secret.ts';
import { bucket, s3Account, startS3Server } from '../support/node/s3-server.ts';

const storageAt = (endpoint: string, secret = s3Account.secretAccessKey) => ({
  kind: 's3' as const,
  bucket,
  endpoint,
  aws: {
    region: s3Account.region,
    accessKeyId: new Secret(s3Account.accessKeyId),
    secretAccessKey: new Secret(secret),
  },
});

test('the doctor tries an S3 store once, says what it ignores, and leaves no object', async () => {
  const s3 = await startS3Server();
  try {
    const [finding] = await inspectStorage(storageAt(s3.endpoint));
    expect(finding?.detail).toMatch(/differ from x-amz-checksum-sha256.*ignores If-None-Match/);
    expect(await s3.keys()).toEqual([]);
    expect(await inspectStorage(storageAt(s3.endpoint, 'canary'))).toEqual([
      {
        level: 'failure',
        check: 'storage',
        detail: 'the bucket cannot be listed: 403 SignatureDoesNotMatch',
      },
    ]);
  } finally {
    await s3.stop();
  }
});

test('a store that cannot be reached is a failure, and R2 is not asked', async () => {
  expect(await inspectStorage(storageAt('http://127.0.0.1:9'))).toMatchObject([
    { level: 'failure', detail: expect.stringMatching(/^does not answer: /) },
  ]);
  expect(await inspectStorage({ kind: 'r2' })).toEqual([]);
});

type Heeds = { checksum: boolean; once: boolean; version: boolean };

/** A store that heeds some conditions, and checks no signature. */
const startStore = async (heeds: Heeds) => {
  const objects = new Map<string, string>();
  const statusOf = ({ method, url = '', headers }: IncomingMessage, body: string): number => {
    if (method === 'DELETE') return objects.delete(url) ? 204 : 204;
    if (method === 'GET') return 200;
    const source = headers['x-amz-copy-source'];
    if (source !== undefined) {
      if (heeds.version && headers['x-amz-copy-source-if-match'] !== '"e"') return 412;
      objects.set(url, objects.get(String(source)) ?? '');
      return 200;
    }
    if (heeds.checksum && body === body.toUpperCase()) return 400;
    if (heeds.once && objects.has(url)) return 412;
    objects.set(url, body);
    return 200;
  };
  const server = createServer(async (request, response: ServerResponse) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
    response.writeHead(statusOf(request, body), { ETag: '"e"' }).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, objects, [Symbol.dispose]: () => void server.close() };
};

test.each<[string, Heeds, string]>([
  ['ok', { checksum: true, once: true, version: true }, 'heeds every condition'],
  ['warning', { checksum: false, once: true, version: true }, 'differ from x-amz-checksum-sha256'],
  ['warning', { checksum: true, once: false, version: true }, 'ignores If-None-Match'],
  ['warning', { checksum: false, once: true, version: false }, 'ignores x-amz-copy-source-if-match'],
  ['failure', { checksum: false, once: false, version: false }, 'could be replaced after its scan'],
])('is %s for a store that heeds %j', async (level, heeds, words) => {
  using store = await startStore(heeds);
  expect(await inspectStorage(storageAt(store.endpoint))).toEqual([
    { level, check: 'storage', detail: expect.stringContaining(words) },
  ]);
  expect([...store.objects.keys()]).toEqual([]);
});
