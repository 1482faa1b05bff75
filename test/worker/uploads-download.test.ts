import { env } from 'cloudflare:test';
import { beforeAll, describe, expect, it } from 'vitest';
import { newAccount } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  bytesOf,
  createUploader,
  objectsOf,
  sha256Of,
  uploadFile,
  workOn,
} from '../support/worker/uploads.ts';

const client = createUploader();
const text = 'the quick brown fox jumps over the lazy dog\n'.repeat(10);
const content = bytesOf(text);
const filename = 'Größe "1" – 100%.txt';

let bearer: string;
let id: string;
let entityTag: string;
beforeAll(async () => {
  ({ access_token: bearer } = await newAccount(client));
  id = await uploadFile(client, bearer, content, { filename, content_type: 'text/plain' });
  await workOn(id);
  entityTag = `"${await sha256Of(content)}"`;
});

const download = (headers: Record<string, string> = {}, method = 'GET') =>
  client(method, `/uploads/${id}/download`, { bearer, headers });

describe('a download', () => {
  // Proves ASVS 5.3.1.
  it('a download is an attachment that a browser does not show, run or cache', async () => {
    const response = await download();
    expect(response.status).toBe(200);
    const { headers } = response;
    expect(headers.get('Content-Disposition')).toBe(
      `attachment; filename="Gr__e _1_ _ 100_.txt"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%20%E2%80%93%20100%25.txt`,
    );
    expect(headers.get('Content-Type')).toBe('text/plain');
    expect(headers.get('Content-Length')).toBe(String(content.byteLength));
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('Content-Security-Policy')).toMatch(/^default-src 'none';.*; sandbox$/);
    expect(headers.get('Cache-Control')).toBe('no-store, no-transform');
    expect(headers.get('Content-Encoding')).toBe('identity');
    expect(headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin');
    expect(headers.get('Accept-Ranges')).toBe('bytes');
    expect(headers.get('ETag')).toBe(entityTag);
    expect(await response.text()).toBe(text);
  });

  // Proves RFC 9110, 14.
  it('a download of a range has the bytes of the range', async () => {
    for (const [range, from, to] of [
      ['bytes=4-8', 4, 9],
      ['bytes=430-', 430, content.byteLength],
      ['bytes=-4', content.byteLength - 4, content.byteLength],
      ['bytes=0-99999', 0, content.byteLength],
    ] as const) {
      const response = await download({ Range: range });
      expect(response.status).toBe(206);
      expect(response.headers.get('Content-Range')).toBe(`bytes ${from}-${to - 1}/${content.byteLength}`);
      expect(response.headers.get('Content-Length')).toBe(String(to - from));
      expect(response.headers.get('Content-Disposition')).toMatch(/^attachment/);
      expect(await response.text()).toBe(text.slice(from, to));
    }
  });

  // Proves RFC 9110, 14.
  it('a download of a range after the end is refused', async () => {
    for (const range of ['bytes=9999-', 'bytes=-0', `bytes=${'9'.repeat(400)}-`]) {
      const response = await download({ Range: range });
      await expectProblem(response, 416, 'range_not_satisfiable');
      expect(response.headers.get('Content-Range')).toBe(`bytes */${content.byteLength}`);
      expect(response.headers.get('Content-Disposition')).toBeNull();
    }
  });

  // Proves RFC 9110, 14.2.
  it('a download of several ranges has the whole file', async () => {
    const response = await download({ Range: 'bytes=0-1,4-5' });
    expect([response.status, await response.text()]).toEqual([200, text]);
  });

  // Proves RFC 9110, 13.1.5.
  it('a download continues where it broke off only in the same version', async () => {
    const same = await download({ Range: 'bytes=10-', 'If-Range': entityTag });
    expect([same.status, await same.text()]).toEqual([206, text.slice(10)]);
    const other = await download({ Range: 'bytes=10-', 'If-Range': '"another"' });
    expect([other.status, await other.text()]).toEqual([200, text]);
  });

  // Proves RFC 9110, 14.2.
  it('a HEAD request describes a download and ignores ranges', async () => {
    for (const headers of [{}, { Range: 'bytes=4-8' }, { Range: 'bytes=9999-' }]) {
      const response = await download(headers, 'HEAD');
      expect(response.status).toBe(200);
      expect(response.headers.get('Content-Length')).toBe(String(content.byteLength));
      expect(response.headers.get('Content-Range')).toBeNull();
      expect(await response.text()).toBe('');
    }
  });

  // Proves RFC 9110, 13.1.2; RFC 9110, 13.2.2.
  it('a download of a known version is answered 304 for a strong, a weak and a listed tag', async () => {
    for (const tag of [entityTag, `W/${entityTag}`, `"x", ,W/${entityTag}`, '*']) {
      for (const method of ['GET', 'HEAD']) {
        const response = await download({ 'If-None-Match': tag, Range: 'bytes=9999-' }, method);
        expect(response.status).toBe(304);
        expect(response.headers.get('ETag')).toBe(entityTag);
        expect(response.headers.get('Content-Length')).toBeNull();
        expect(await response.text()).toBe('');
      }
    }
    expect((await download({ 'If-None-Match': '"x", "y"' })).status).toBe(200);
  });

  // Proves RFC 9110, 13.1.1; RFC 9110, 13.2.2.
  it('a download whose If-Match names another version is refused before other conditions', async () => {
    for (const tag of ['"x"', `W/${entityTag}`, '"x", "y"'])
      for (const beside of [{}, { Range: 'bytes=9999-' }, { 'If-None-Match': entityTag }])
        await expectProblem(await download({ 'If-Match': tag, ...beside }), 412, 'precondition_failed');
    for (const tag of [entityTag, '*', `"x",${entityTag}`])
      expect((await download({ 'If-Match': tag, Range: 'bytes=0-1' })).status).toBe(206);
    await expectProblem(await download({ 'If-Match': 'x' }), 422, 'validation_failed');
    await expectProblem(await download({ 'If-None-Match': 'x' }), 422, 'validation_failed');
  });

  it('a download has the scanned bytes, and is refused when other bytes have replaced them', async () => {
    const victim = await uploadFile(client, bearer, content, { filename, content_type: 'text/plain' });
    await workOn(victim);
    const [key = ''] = await objectsOf(victim);
    await env.UPLOADS.put(key, 'something else');
    await expectProblem(await client('GET', `/uploads/${victim}/download`, { bearer }), 409, 'conflict');
  });
});
