import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deepArchive, inspectScanner } from '../../scripts/doctor/scanner.ts';
import { eicar } from '../../src/platform/scanners/builtin.ts';
import { type Clamd, hasClamd, startClamd } from '../support/node/clamd.ts';
import { type Launch, startStack } from '../support/node/stack.ts';
import { createUploadClient, pdf, type UploadClient } from '../support/node/upload-client.ts';

if (!hasClamd) console.log('No clamd here (Debian: clamav-daemon): uploads were not scanned by a real one.');

describe.skipIf(!hasClamd)('uploads before a real clamd', () => {
  let clamd: Clamd;
  let stack: Launch;
  let client: UploadClient;
  beforeAll(async () => {
    clamd = await startClamd({ streamMaxMiB: 1 });
    stack = await startStack({
      env: {
        UPLOAD_SCANNER: 'clamav',
        CLAMD_ADDRESS: `127.0.0.1:${clamd.port}`,
        UPLOAD_ALLOWED_TYPES: 'pdf,txt,gz',
        RATE_LIMIT_MAX: '10000',
      },
    });
    client = await createUploadClient(stack.url);
  });
  afterAll(async () => {
    await stack?.stop();
    await clamd?.stop();
  });

  it('a clean PDF becomes clean, and comes back byte for byte', async () => {
    const id = await client.send(pdf);
    expect(await client.settled(id)).toBe('clean');
    expect(Buffer.from(await (await client.download(id)).arrayBuffer())).toEqual(pdf);
  });

  // Proves ASVS 5.4.3.
  it('EICAR becomes infected, and cannot be downloaded', async () => {
    const id = await client.send(Buffer.from(eicar), { filename: 'eicar.txt', content_type: 'text/plain' });
    expect(await client.settled(id)).toBe('infected');
    expect((await client.download(id)).status).toBe(409);
  });

  it('EICAR is found at every place in a file of several pieces', async () => {
    const content = Buffer.concat([
      Buffer.alloc(600_000, 'x'),
      Buffer.from(eicar),
      Buffer.alloc(300_000, 'y'),
    ]);
    const id = await client.send(content, { filename: 'long.txt', content_type: 'text/plain' });
    expect(await client.settled(id)).toBe('infected');
  });

  it('an archive that clamd cannot look into to its end fails', async () => {
    const id = await client.send(deepArchive(), { filename: 'x.gz', content_type: 'application/x-gzip' });
    expect(await client.settled(id)).toBe('failed');
  });

  it('the doctor tells by two files whether clamd tells of what it cannot look into', async () => {
    const at = (port: number) => ({ kind: 'clamav', hostname: '127.0.0.1', port }) as const;
    expect(await inspectScanner(at(clamd.port))).toMatchObject([{ level: 'ok' }]);
    const silent = await startClamd({ alerts: false });
    expect(await inspectScanner(at(silent.port))).toMatchObject([
      { level: 'warning', detail: expect.stringContaining('AlertExceedsMax yes and AlertEncrypted yes') },
    ]);
    await silent.stop();
    expect(await inspectScanner(at(silent.port))).toMatchObject([
      { level: 'warning', detail: expect.stringContaining('cannot be asked') },
    ]);
    expect(await inspectScanner({ kind: 'builtin' })).toEqual([]);
  });

  it('a file over the limit of clamd fails, because clamd has not read all of it', async () => {
    const content = Buffer.alloc(3_000_000, 'x');
    const id = await client.send(content, { filename: 'big.txt', content_type: 'text/plain' });
    expect(await client.settled(id)).toBe('failed');
    expect((await client.download(id)).status).toBe(409);
  });

  it('a clamd that is away leaves the file in quarantine, and judges it when it is back', async () => {
    await clamd.stop();
    const id = await client.send(pdf);
    expect(await client.settled(id, 3000)).toBe('scanning');
    expect((await client.download(id)).status).toBe(409);
    expect(stack.output()).toContain('clamd away');
    clamd = await startClamd({ port: clamd.port });
    // The platform does this every minute.
    const round = () => fetch(`${stack.url}/cdn-cgi/local/scheduled`).then(() => client.statusOf(id));
    await expect.poll(round, { timeout: 45_000, interval: 5000 }).toBe('clean');
  });

  it('a clamd that hangs counts as away', async () => {
    await clamd.stop();
    const mute = createServer((socket) => socket.on('error', () => {})).listen(clamd.port, '127.0.0.1');
    await once(mute, 'listening');
    const id = await client.send(pdf);
    const delayed = () => stack.output().includes(`upload_id=${id} engine=clamav`);
    await expect.poll(delayed, { timeout: 10_000 }).toBe(true);
    expect(await client.statusOf(id)).toBe('scanning');
    const readyz = await fetch(`${stack.url}/readyz`);
    expect([readyz.status, await readyz.json()]).toMatchObject([
      200,
      { status: 'degraded', checks: { scanner: 'failing', storage: 'ok' } },
    ]);
    mute.close();
  });
});
