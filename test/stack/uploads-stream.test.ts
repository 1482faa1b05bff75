import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Launch, startStack } from '../support/node/stack.ts';
import { createUploadClient, pdf, type Ticket, type UploadClient } from '../support/node/upload-client.ts';
import { longFile } from '../support/node/upload-worker.ts';

const file = longFile(100);

let stack: Launch;
let client: UploadClient;
beforeAll(async () => {
  stack = await startStack({
    env: {
      UPLOAD_MAX_BYTES: String(file.size),
      RATE_LIMIT_MAX: '10000',
      REQUEST_TIMEOUT_MS: '5000',
      UPLOAD_PAUSE_MS: '5000',
    },
  });
  client = await createUploadClient(stack.url);
});
afterAll(() => stack?.stop());

describe('100 MiB', () => {
  it('100 MiB pass through the Worker, are inspected and scanned, and come back byte for byte', async () => {
    const { size, sha256, open } = file;
    const given = { filename: 'long.txt', content_type: 'text/plain', size, sha256 };
    const { id, upload } = await client.declare(Buffer.alloc(0), given);
    const init = { method: 'PUT', headers: upload.headers, body: open(), duplex: 'half' } as RequestInit;
    const sent = await fetch(upload.url, init);
    expect([sent.status, await sent.text()]).toEqual([200, '']);
    const completed = await client.complete(id);
    expect([completed.status, await completed.text()]).toEqual([202, expect.stringContaining('scanning')]);
    expect(await client.settled(id, 60_000)).toBe('clean');
    const hash = createHash('sha256');
    for await (const part of (await client.download(id)).body ?? []) hash.update(part);
    expect(hash.digest('hex')).toBe(sha256);
  });
});

/** Opens a PUT on a socket, with a part of its bytes. */
const beginPut = async ({ upload }: Ticket, bytes: Uint8Array) => {
  const url = new URL(upload.url);
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  const lines = Object.entries({
    ...upload.headers,
    host: url.host,
    'content-length': String(pdf.byteLength),
  });
  socket.write(
    `PUT ${url.pathname}${url.search} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
  );
  socket.write(bytes);
  return socket;
};

describe('a client that stops half-way', () => {
  it('a client that stops half-way leaves nothing and may begin again', async () => {
    const ticket = await client.declare(pdf);
    const socket = await beginPut(ticket, pdf.subarray(0, 40));
    await sleep(300);
    socket.destroy();
    await sleep(500);
    expect((await client.complete(ticket.id)).status).toBe(409);
    expect((await client.put(ticket, pdf)).status).toBe(200);
    expect((await client.complete(ticket.id)).status).toBe(202);
  });

  it('a client that falls silent half-way is answered after the time limit and leaves nothing', async () => {
    const ticket = await client.declare(pdf);
    const socket = await beginPut(ticket, pdf.subarray(0, 40));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 504 /);
    socket.destroy();
    expect((await client.complete(ticket.id)).status).toBe(409);
  });

  it('a slow client keeps its request alive by a piece now and then', async () => {
    const ticket = await client.declare(pdf);
    const socket = await beginPut(ticket, pdf.subarray(0, 10));
    for (const at of [10, 20, 30]) {
      await sleep(1800);
      socket.write(pdf.subarray(at, at + 10));
    }
    await sleep(1800);
    socket.write(pdf.subarray(40));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
    expect((await client.complete(ticket.id)).status).toBe(202);
  });
});
