import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eicar } from '../../src/platform/scanners/builtin.ts';
import { bucket, type S3Server, s3Account, startS3Server } from '../support/node/s3-server.ts';
import { type Launch, startStack } from '../support/node/stack.ts';
import { createUploadClient, pdf, type Ticket, type UploadClient } from '../support/node/upload-client.ts';

let s3: S3Server;
let stack: Launch;
let client: UploadClient;
beforeAll(async () => {
  s3 = await startS3Server();
  stack = await startStack({
    env: {
      UPLOAD_STORAGE: 's3',
      S3_BUCKET: bucket,
      S3_ENDPOINT: s3.endpoint,
      AWS_REGION: s3Account.region,
      AWS_ACCESS_KEY_ID: s3Account.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Account.secretAccessKey,
      RATE_LIMIT_MAX: '10000',
    },
  });
  client = await createUploadClient(stack.url);
});
afterAll(async () => {
  await stack?.stop();
  await s3?.stop();
});

const keysOf = async ({ id }: { id: string }) => (await s3.keys()).filter((key) => key.endsWith(id));

describe('uploads on an S3 that checks signatures', () => {
  it('files go to S3 directly, are scanned, and come back byte for byte', async () => {
    const ticket = await client.declare(pdf);
    expect(ticket.upload.url).toContain(`${s3.endpoint}/${bucket}/quarantine/`);
    expect((await client.put(ticket, pdf)).status).toBe(200);
    expect(await keysOf(ticket)).toEqual([expect.stringMatching(/^quarantine\//)]);
    expect(await (await client.complete(ticket.id)).json()).toMatchObject({ status: 'scanning' });
    expect(await client.settled(ticket.id)).toBe('clean');
    const whole = await client.download(ticket.id);
    expect(Buffer.from(await whole.arrayBuffer())).toEqual(pdf);
    const part = await client.download(ticket.id, { Range: 'bytes=1-3' });
    expect([part.status, await part.text()]).toEqual([206, 'PDF']);
  });

  it('infected files lose their bytes', async () => {
    const id = await client.send(Buffer.from(eicar), { filename: 'x.txt', content_type: 'text/plain' });
    expect(await client.settled(id)).toBe('infected');
    await expect.poll(() => keysOf({ id }), { timeout: 20_000 }).toEqual([]);
    expect((await client.download(id)).status).toBe(409);
  });

  it('deleted files lose their bytes', async () => {
    const id = await client.send(pdf);
    expect((await client.remove(id)).status).toBe(204);
    await expect.poll(() => keysOf({ id }), { timeout: 20_000 }).toEqual([]);
  });

  const changedUrl = (ticket: Ticket, change: (url: URL) => void): Ticket => {
    const url = new URL(ticket.upload.url);
    change(url);
    return { ...ticket, upload: { ...ticket.upload, url: url.href } };
  };

  it.each<[string, (ticket: Ticket) => Promise<Response>]>([
    ['another type', (ticket) => client.put(ticket, pdf, { 'content-type': 'text/html' })],
    ['another length', (ticket) => client.put(ticket, pdf.subarray(1))],
    ['another checksum', (ticket) => client.put(ticket, pdf, { 'x-amz-checksum-sha256': 'AAAA' })],
    ['no condition', (ticket) => client.put(ticket, pdf, { 'if-none-match': '' })],
    [
      'a longer life',
      (ticket) =>
        client.put(
          changedUrl(ticket, (url) => url.searchParams.set('X-Amz-Expires', '86400')),
          pdf,
        ),
    ],
    [
      'another key',
      (ticket) =>
        client.put(
          changedUrl(ticket, (url) => {
            url.pathname = `/${bucket}/clean/x`;
          }),
          pdf,
        ),
    ],
  ])('S3 refuses bytes with %s, which is signed', async (_, send) => {
    const ticket = await client.declare(pdf);
    expect((await send(ticket)).status).toBe(403);
    expect(await keysOf(ticket)).toEqual([]);
  });

  it('the confirmation detects undeclared bytes even on a storage without checksums', async () => {
    const ticket = await client.declare(pdf);
    const others = Buffer.from(pdf);
    others[20] = 0x20;
    expect((await client.put(ticket, others)).status).toBe(200);
    const response = await client.complete(ticket.id);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'failed' });
    await expect.poll(() => keysOf(ticket), { timeout: 20_000 }).toEqual([]);
  });

  it('the confirmation fails until the bytes have arrived', async () => {
    const ticket = await client.declare(pdf);
    expect((await client.complete(ticket.id)).status).toBe(409);
  });
});
