import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/platform/config/load.ts';
import { createMacKeys } from '../../src/platform/crypto/derived-keys.ts';
import { createUploadUrls } from '../../src/platform/storage/r2.ts';
import { adviceOn } from '../../src/uploads/rules/reasons.ts';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  auditOf,
  bytesOf,
  createUploader,
  declare,
  endUrl,
  makeDue,
  objectsOf,
  pdf,
  put,
  rowOf,
  sha256Of,
  type Ticket,
  uploadFile,
  workOn,
} from '../support/worker/uploads.ts';

const client = createUploader();
const newTicket = async (): Promise<Ticket & { bearer: string }> => {
  const { access_token: bearer } = await newAccount(client);
  return { ...(await declare(client, bearer)), bearer };
};

/** A body of unannounced length. */
const streamed = (pieces: readonly Uint8Array[], { breaksOff = false } = {}): ReadableStream => {
  const left = [...pieces];
  return new ReadableStream({
    pull: (controller) => {
      const piece = left.shift();
      if (piece) controller.enqueue(piece);
      else if (breaksOff) controller.error(new Error('gone'));
      else controller.close();
    },
  });
};

const loaded = loadConfig(env);
if (!loaded.ok) throw new Error('the tests are misconfigured');
const urls = createUploadUrls(createMacKeys([loaded.config.session.secretKey], 'upload-url'));

/** A URL as the service makes them, which has just expired. */
const expiredUrl = async (uploadId: string): Promise<string> => {
  const expected = { contentType: 'application/pdf', size: pdf.byteLength, sha256: await sha256Of(pdf) };
  const now = new Date();
  const expiresAt = new Date(now.getTime() - 1000);
  const apiUrl = 'http://localhost:3002';
  return (await urls.issueTicket({ ...expected, uploadId, key: '', apiUrl, now, expiresAt })).url;
};

const changed = pdf.map((byte, at) => (at === 20 ? byte ^ 1 : byte));
const longer = bytesOf(`${new TextDecoder().decode(pdf)}x`);

describe('the bytes of an upload', () => {
  it('an upload URL takes its bytes in pieces of any size', async () => {
    const ticket = await newTicket();
    const body = streamed([...pdf].map((byte) => Uint8Array.of(byte)));
    expect((await put(client, ticket, body)).status).toBe(200);
    expect(await objectsOf(ticket.id)).toHaveLength(1);
  });

  it.each<[string, BodyInit | null | (() => ReadableStream), string]>([
    ['fewer bytes', pdf.subarray(0, -1), '/size'],
    ['no bytes', null, '/size'],
    ['more bytes', longer, '/size'],
    ['other bytes', changed, '/sha256'],
    ['fewer bytes, unannounced', () => streamed([pdf.subarray(0, 10)]), '/size'],
    ['more bytes, unannounced', () => streamed([pdf, Uint8Array.of(1)]), '/size'],
    ['more bytes in one piece, unannounced', () => streamed([longer]), '/size'],
    ['other bytes, unannounced', () => streamed([changed]), '/sha256'],
    [
      'the first half, and then a broken connection',
      () => streamed([pdf.subarray(0, 40)], { breaksOff: true }),
      '/size',
    ],
  ])(
    'an upload URL refuses %s, keeps none of them, and takes the declared bytes afterwards',
    async (_, body, pointer) => {
      const ticket = await newTicket();
      const response = await put(client, ticket, typeof body === 'function' ? body() : body);
      const problem = JSON.parse(await expectProblem(response, 422, 'upload_rejected'));
      expect(problem.errors).toEqual([expect.objectContaining({ pointer, code: 'differs' })]);
      expect(await objectsOf(ticket.id)).toEqual([]);
      expect((await rowOf(ticket.id))?.status).toBe('pending');
      expect((await put(client, ticket)).status).toBe(200);
    },
  );

  it.each<[string, Record<string, string>, string]>([
    ['type', { 'content-type': 'text/html' }, '/content_type'],
    [
      'type, with the declared one as a parameter',
      { 'content-type': 'text/html; application/pdf' },
      '/content_type',
    ],
    ['type beside the declared one', { 'content-type': 'application/pdf, text/html' }, '/content_type'],
    ['checksum', { 'x-amz-checksum-sha256': 'AAAA' }, '/sha256'],
    ['length', { 'content-length': '5' }, '/size'],
  ])('an upload URL refuses bytes with another %s', async (_, headers, pointer) => {
    const ticket = await newTicket();
    const response = await put(client, ticket, pdf, headers);
    expect(JSON.parse(await expectProblem(response, 422, 'upload_rejected')).errors).toEqual([
      expect.objectContaining({ pointer }),
    ]);
    expect(await objectsOf(ticket.id)).toEqual([]);
  });

  it('an upload URL refuses bytes without the headers of the ticket', async () => {
    const ticket = await newTicket();
    await expectProblem(await client('PUT', ticket.upload.url, { body: pdf }), 422, 'upload_rejected');
    expect(await objectsOf(ticket.id)).toEqual([]);
  });
});

describe('an upload URL', () => {
  it('PUTs beside the confirmation change nothing that was scanned', async () => {
    const { bearer, ...ticket } = await newTicket();
    await put(client, ticket);
    const { id } = ticket;
    const puts = Array.from({ length: 5 }, () => put(client, ticket));
    expect((await client('POST', `/uploads/${id}/complete`, { bearer })).status).toBe(202);
    for (const { status } of await Promise.all(puts)) expect([200, 409]).toContain(status);
    await workOn(id);
    expect(await rowOf(id)).toMatchObject({ status: 'clean' });
    const download = await client('GET', `/uploads/${id}/download`, { bearer });
    expect(new Uint8Array(await download.arrayBuffer())).toEqual(pdf);
  });

  it('an upload URL takes its bytes again until the confirmation, and no others and none after it', async () => {
    const { bearer, ...ticket } = await newTicket();
    for (const type of ['application/pdf', 'application/x-pdf;charset=utf-8'])
      expect((await put(client, ticket, pdf, { 'content-type': type })).status).toBe(200);
    await expectProblem(await put(client, ticket, changed), 422, 'upload_rejected');
    await client('POST', `/uploads/${ticket.id}/complete`, { bearer });
    await expectProblem(await put(client, ticket), 409, 'conflict');
    await workOn(ticket.id);
    await expectProblem(await put(client, ticket), 409, 'conflict');
    // The row remembers the bytes even after the object is gone.
    await endUrl(ticket.id);
    await makeDue(ticket.id);
    await workOn(ticket.id);
    await expectProblem(await put(client, ticket), 409, 'conflict');
    expect(await objectsOf(ticket.id)).toEqual([expect.stringMatching(/^clean\//)]);
  });

  it('ten parallel PUTs to an upload URL store one object', async () => {
    const ticket = await newTicket();
    const responses = await Promise.all(Array.from({ length: 10 }, () => put(client, ticket)));
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(await objectsOf(ticket.id)).toHaveLength(1);
  });

  it.each([
    [400, 200],
    [1500, 504],
  ])('a client that pauses for %i ms is answered %i', async (pauseMs, status) => {
    const ticket = await newTicket();
    const slow = createUploader({ REQUEST_TIMEOUT_MS: '200', UPLOAD_PAUSE_MS: '1000' });
    const pieces = [pdf.subarray(0, 20), pdf.subarray(20)];
    const body = new ReadableStream({
      pull: async (controller) => {
        if (pieces.length < 2) await scheduler.wait(pauseMs);
        const piece = pieces.shift();
        if (piece) controller.enqueue(piece);
        else controller.close();
      },
    });
    expect((await put(slow, ticket, body)).status).toBe(status);
  });

  it('an upload URL expires', async () => {
    const ticket = await newTicket();
    const expires = Number(new URL(ticket.upload.url).searchParams.get('expires'));
    expect(expires * 1000).toBeLessThanOrEqual(Date.now() + 900_000);
    const response = await put(client, {
      ...ticket,
      upload: { ...ticket.upload, url: await expiredUrl(ticket.id) },
    });
    const text = await expectProblem(response, 403, 'upload_url_invalid');
    expect(text).toContain('expired');
    expect(await objectsOf(ticket.id)).toEqual([]);
  });

  it.each<[string, (url: URL, other: URL) => void]>([
    [
      'a longer life',
      (url) => url.searchParams.set('expires', String(Number(url.searchParams.get('expires')) + 1)),
    ],
    ['another signature', (url) => url.searchParams.set('signature', 'A'.repeat(43))],
    [
      'the signature of another upload',
      (url, other) => url.searchParams.set('signature', other.searchParams.get('signature') ?? ''),
    ],
    [
      'the id of another upload',
      (url, other) => {
        url.pathname = other.pathname;
      },
    ],
  ])('an upload URL with %s is refused', async (_, change) => {
    const [ticket, other] = [await newTicket(), await newTicket()];
    const url = new URL(ticket.upload.url);
    change(url, new URL(other.upload.url));
    const response = await put(client, { ...ticket, upload: { ...ticket.upload, url: url.href } });
    await expectProblem(response, 403, 'upload_url_invalid');
    expect([...(await objectsOf(ticket.id)), ...(await objectsOf(other.id))]).toEqual([]);
  });

  /** The last of 43 characters has two unused bits. */
  const spareBits = (signature: string) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return signature.slice(0, -1) + alphabet[alphabet.indexOf(signature.at(-1) ?? '') + 1];
  };

  it.each<[string, (path: string, expires: string, signature: string) => string]>([
    [
      'the spare bits of its signature',
      (path, expires, signature) => `${path}?expires=${expires}&signature=${spareBits(signature)}`,
    ],
    ['a zero', (path, expires, signature) => `${path}?expires=0${expires}&signature=${signature}`],
    ['a plus', (path, expires, signature) => `${path}?expires=%2B${expires}&signature=${signature}`],
    ['a space', (path, expires, signature) => `${path}?expires=+${expires}&signature=${signature}`],
    ['a fraction', (path, expires, signature) => `${path}?expires=${expires}.0&signature=${signature}`],
    ['an exponent', (path, expires, signature) => `${path}?expires=${expires}e0&signature=${signature}`],
    [
      'an encoded digit',
      (path, expires, signature) =>
        `${path}?expires=%3${expires[0]}${expires.slice(1)}&signature=${signature}`,
    ],
    ['an encoded name', (path, expires, signature) => `${path}?%65xpires=${expires}&signature=${signature}`],
    [
      'its members in reverse order',
      (path, expires, signature) => `${path}?signature=${signature}&expires=${expires}`,
    ],
    [
      'a member twice',
      (path, expires, signature) => `${path}?expires=${expires}&expires=${expires}&signature=${signature}`,
    ],
    ['an ampersand', (path, expires, signature) => `${path}?expires=${expires}&signature=${signature}&`],
    [
      'an encoded path',
      (path, expires, signature) =>
        `${path.replace('content', '%63ontent')}?expires=${expires}&signature=${signature}`,
    ],
    [
      'its id in capitals',
      (path, expires, signature) =>
        `${path.replace(/[0-9a-f-]{36}/, (id) => id.toUpperCase())}?expires=${expires}&signature=${signature}`,
    ],
  ])('an upload URL has one spelling and is refused with %s', async (_, spell) => {
    const ticket = await newTicket();
    const { pathname, searchParams } = new URL(ticket.upload.url);
    const given = ['expires', 'signature'].map((name) => searchParams.get(name) ?? '') as [string, string];
    const url = spell(pathname, ...given);
    const response = await put(client, { ...ticket, upload: { ...ticket.upload, url } });
    expect([403, 422]).toContain(response.status);
    expect(await objectsOf(ticket.id)).toEqual([]);
  });

  it.each(['?expires=x&signature=y', '', '?expires=1', `?expires=1&signature=${'A'.repeat(43)}&x=y`])(
    'an upload URL with the query %j is refused as invalid',
    async (query) => {
      const { id } = await newTicket();
      expect((await client('PUT', `/uploads/${id}/content${query}`, { body: pdf })).status).toBe(422);
    },
  );

  it('an upload URL of a previous key serves, and one of an unknown key is refused', async () => {
    const ticket = await newTicket();
    const rotated = {
      SECRET_KEY: 'a new key of these tests',
      SECRET_KEY_PREVIOUS: 'dev-session-key-change-me',
    };
    const stranger = createUploader({ SECRET_KEY: 'a new key of these tests' });
    await expectProblem(await put(stranger, ticket), 403, 'upload_url_invalid');
    expect((await put(createUploader(rotated), ticket)).status).toBe(200);
  });

  it('the upload URL of a deleted file or of a disabled account takes no bytes', async () => {
    const deleted = await newTicket();
    await client('DELETE', `/uploads/${deleted.id}`, { bearer: deleted.bearer });
    await expectProblem(await put(client, deleted), 404, 'not_found');
    const disabled = await newTicket();
    await sql`update users set disabled_at = now() where id = (select user_id from uploads where id = ${disabled.id})`;
    await expectProblem(await put(client, disabled), 404, 'not_found');
    expect([...(await objectsOf(deleted.id)), ...(await objectsOf(disabled.id))]).toEqual([]);
  });
});

describe('a confirmation', () => {
  it('a confirmation fails until the bytes have arrived', async () => {
    const { bearer, ...ticket } = await newTicket();
    const complete = () => client('POST', `/uploads/${ticket.id}/complete`, { bearer });
    await expectProblem(await complete(), 409, 'conflict');
    expect((await rowOf(ticket.id))?.status).toBe('pending');
    await put(client, ticket);
    expect((await complete()).status).toBe(202);
  });

  it('a repeated confirmation has the file scanned again only when a scan is due', async () => {
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer);
    const asked: unknown[] = [];
    const UPLOAD_QUEUE = {
      sendBatch: async (messages: { body: unknown }[]) =>
        void asked.push(...messages.map(({ body }) => body)),
    };
    const complete = () =>
      createUploader({ UPLOAD_QUEUE } as never)('POST', `/uploads/${id}/complete`, { bearer });
    await workOn(id, { UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: '127.0.0.1:9' });
    expect(await (await complete()).json()).toMatchObject({ status: 'scanning' });
    expect(asked).toEqual([]);
    await makeDue(id);
    expect(await (await complete()).json()).toMatchObject({ status: 'scanning' });
    expect(asked).toEqual([id]);
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed']);
  });

  it('a repeated confirmation returns the present status', async () => {
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer);
    const complete = async () => (await client('POST', `/uploads/${id}/complete`, { bearer })).json();
    expect(await complete()).toMatchObject({ status: 'scanning' });
    await workOn(id);
    expect(await complete()).toMatchObject({ status: 'clean' });
    await endUrl(id);
    await sql`update uploads set next_attempt_at = now() where id = ${id}`;
    await workOn(id);
    expect(await objectsOf(id)).toEqual([expect.stringMatching(/^clean\//)]);
    expect(await complete()).toMatchObject({ status: 'clean' });
  });

  it('a confirmation detects bytes that replaced the declared ones', async () => {
    const { bearer, ...ticket } = await newTicket();
    await put(client, ticket);
    const [key = ''] = await objectsOf(ticket.id);
    await env.UPLOADS.put(key, changed, {
      httpMetadata: { contentType: 'application/pdf' },
      sha256: await sha256Of(changed),
    });
    const completed = await client('POST', `/uploads/${ticket.id}/complete`, { bearer });
    expect(completed.status).toBe(200);
    expect(await completed.json()).toMatchObject({
      status: 'failed',
      reason: 'wrong_bytes',
      detail: adviceOn('wrong_bytes'),
    });
    expect(await rowOf(ticket.id)).toMatchObject({ status: 'failed', reason: 'wrong_bytes' });
    await workOn(ticket.id);
    expect(await objectsOf(ticket.id)).toEqual([]);
  });
});
