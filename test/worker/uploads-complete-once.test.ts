import { env } from 'cloudflare:test';
import { Deflate } from 'pako';
import { describe, expect, it } from 'vitest';
import { createContentInspector } from '../../src/uploads/content-inspector.ts';
import { createInflater } from '../../src/uploads/inflater.ts';
import { docxParts, docxType, join, type ZipPart, zip } from '../support/files/zip.ts';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { auditOf, createUploader, declare, pdf, put, rowOf } from '../support/worker/uploads.ts';

const mebibyte = 1_048_576;

/** Deflated zeros: one mebibyte, repeated; no repetition refers back to the one before. */
const zeros = (mebibytes: number): ZipPart => {
  const pieces: Uint8Array[] = [];
  const deflate = new Deflate({ raw: true, level: 9 });
  deflate.onData = (piece) => {
    pieces.push(piece.slice());
  };
  const fullFlush = 3;
  deflate.push(new Uint8Array(mebibyte), fullFlush);
  const one = join(pieces.splice(0));
  deflate.push(new Uint8Array(0), true);
  const content = join([...Array.from({ length: mebibytes }, () => one), ...pieces]);
  return { name: 'word/zeros.bin', content, method: 8, size: mebibytes * mebibyte, crc: 0 };
};

/** Bytes that keep the ratio of a document below the limit for its directory. */
const ballast = (bytes: number): ZipPart => ({
  name: 'word/media.bin',
  content: new Uint8Array(bytes),
  crc: 0,
});

/** A sound document of 1.7 MB that unpacks to 150. */
const heavy = zip([...docxParts, zeros(150), ballast(1_600_000)]);
const asDocx = { content_type: docxType, filename: 'x.docx' };

/** The bucket, with its calls counted. */
const countingBucket = () => {
  const asked = { head: 0, get: 0 };
  const bucket = new Proxy(env.UPLOADS, {
    get: (target, name) => {
      const method = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        if (name === 'head' || name === 'get') asked[name]++;
        return Reflect.apply(method, target, args);
      };
    },
  });
  return { asked, client: createUploader({ UPLOADS: bucket as never }) };
};

describe('the confirmation of an upload', () => {
  it('parallel confirmations inspect the bytes once', async () => {
    const { asked, client } = countingBucket();
    const { access_token: bearer } = await newAccount(client);
    const one = await declare(client, bearer, heavy, asDocx);
    const other = await declare(client, bearer, heavy, asDocx);
    for (const ticket of [one, other]) await put(client, ticket, heavy);
    const complete = (id: string) => client('POST', `/uploads/${id}/complete`, { bearer });

    expect((await complete(one.id)).status).toBe(200);
    const once = { ...asked };
    expect(once.head).toBe(1);
    Object.assign(asked, { head: 0, get: 0 });

    const responses = await Promise.all(Array.from({ length: 20 }, () => complete(other.id)));
    expect(asked).toEqual(once);
    const bodies = await Promise.all(responses.map((response) => response.json<{ status: string }>()));
    const told = responses.map(({ status, headers }, at) =>
      [status, headers.get('Retry-After'), bodies[at]?.status].join(' '),
    );
    expect(told.filter((answer) => answer === '200  scanning').length).toBeGreaterThanOrEqual(1);
    expect(new Set(told)).toEqual(new Set(['200  scanning', '202 1 pending']));
    expect(await auditOf(other.id)).toEqual(['upload.created', 'upload.completed']);
  });

  it('a confirmation leaves the bucket alone for the file of another account or a file that is no longer pending', async () => {
    const { asked, client } = countingBucket();
    const [owner, stranger] = [await newAccount(client), await newAccount(client)];
    const ticket = await declare(client, owner.access_token);
    await put(client, ticket);
    const complete = (bearer: string, id = ticket.id) =>
      client('POST', `/uploads/${id}/complete`, { bearer });

    await expectProblem(await complete(stranger.access_token), 404, 'not_found');
    await expectProblem(await complete(owner.access_token, crypto.randomUUID()), 404, 'not_found');
    expect(asked).toEqual({ head: 0, get: 0 });
    expect((await rowOf(ticket.id))?.attempts).toBe(0);

    expect((await complete(owner.access_token)).status).toBe(200);
    const first = { ...asked };
    expect((await complete(owner.access_token)).status).toBe(200);
    expect(asked).toEqual(first);
  });

  it('a confirmation succeeds once missing bytes have arrived or a failed storage is back', async () => {
    const client = createUploader();
    const { access_token: bearer } = await newAccount(client);
    const ticket = await declare(client, bearer);
    const complete = (by = client) => by('POST', `/uploads/${ticket.id}/complete`, { bearer });
    await expectProblem(await complete(), 409, 'conflict');
    await put(client, ticket, pdf);
    const away = { head: () => Promise.reject(new Error('away')) };
    await expectProblem(
      await complete(createUploader({ UPLOADS: away as never })),
      503,
      'service_unavailable',
    );
    expect((await complete()).status).toBe(200);
  });

  it('another request takes a confirmation over when the lease of the first has run out, later each time', async () => {
    // A lease is five seconds longer than a request may take.
    const client = createUploader({ REQUEST_TIMEOUT_MS: '10000' });
    const { access_token: bearer } = await newAccount(client);
    const ticket = await declare(client, bearer);
    await put(client, ticket);
    const complete = async () => (await client('POST', `/uploads/${ticket.id}/complete`, { bearer })).status;
    const claimed = (attempts: number, secondsAgo: number) =>
      sql`update uploads set attempts = ${attempts}, updated_at = now() - ${secondsAgo}::int * interval '1 second'
          where id = ${ticket.id}`;
    await claimed(1, 10);
    expect(await complete()).toBe(202);
    await claimed(3, 50);
    expect(await complete()).toBe(202);
    await claimed(3, 62);
    expect(await complete()).toBe(200);
    expect(await rowOf(ticket.id)).toMatchObject({ status: 'scanning', attempts: 0 });
  });

  it('only the request with the claim decides a confirmation', async () => {
    const { client } = countingBucket();
    const { access_token: bearer } = await newAccount(client);
    const ticket = await declare(client, bearer);
    await put(client, ticket);
    // Another request takes the claim over while this one inspects the bytes.
    const overtaken = new Proxy(env.UPLOADS, {
      get: (target, name) => {
        const method = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          if (name === 'head') await sql`update uploads set attempts = attempts + 1 where id = ${ticket.id}`;
          return Reflect.apply(method, target, args);
        };
      },
    });
    const response = await createUploader({ UPLOADS: overtaken as never })(
      'POST',
      `/uploads/${ticket.id}/complete`,
      { bearer },
    );
    expect(response.status).toBe(202);
    expect(await rowOf(ticket.id)).toMatchObject({ status: 'pending', attempts: 2, etag: null });
  });

  it('other requests are answered while a confirmation unpacks a document', async () => {
    const { asked, client } = countingBucket();
    const { access_token: bearer } = await newAccount(client);
    const { access_token: other } = await newAccount(client);
    const ticket = await declare(client, bearer, heavy, asDocx);
    await put(client, ticket, heavy);
    let isDone = false;
    const completing = client('POST', `/uploads/${ticket.id}/complete`, { bearer }).then((response) => {
      isDone = true;
      return response;
    });
    // Its beginning, its end, its directory, and then the whole.
    while (asked.get < 4) await scheduler.wait(1);
    expect((await client('GET', '/auth/me', { bearer: other })).status).toBe(200);
    expect(isDone).toBe(false);
    expect((await completing).status).toBe(200);
  });
});

describe('the inspection of an archive', () => {
  const storeOf = (file: Uint8Array<ArrayBuffer>) => ({
    read: async (_: unknown, span: { offset: number; length: number } | null) =>
      new Blob([span ? file.subarray(span.offset, span.offset + span.length) : file]).stream(),
  });
  const inspect = (file: Uint8Array<ArrayBuffer>, signal = new AbortController().signal) =>
    createContentInspector(storeOf(file))(
      { key: 'k', etag: 'e', size: file.byteLength, contentType: docxType },
      signal,
    );

  /** Counts the turns of the event loop until all work was done. */
  const turnsUntil = async (work: Promise<unknown>): Promise<number> => {
    let isDone = false;
    let turns = 0;
    void work.then(() => {
      isDone = true;
    });
    while (!isDone) {
      await scheduler.wait(0);
      turns++;
    }
    return turns;
  };

  it('an inspection gives way to other requests after each mebibyte that it unpacks', async () => {
    expect(await turnsUntil(inspect(heavy))).toBeGreaterThan(140);
  });

  it('parallel inspections take turns of one mebibyte', async () => {
    const light = zip([...docxParts, zeros(40), ballast(400_000)]);
    const turns = await turnsUntil(Promise.all([inspect(light), inspect(light), inspect(light)]));
    expect(turns).toBeGreaterThan(110);
  });

  it('an inspection unpacks little more than a mebibyte at once', () => {
    const { content } = zeros(20);
    let longest = 0;
    let sum = 0;
    const inflater = createInflater();
    for (let at = 0; at < (content?.byteLength ?? 0); at += 65_536) {
      for (const piece of inflater.push(content?.subarray(at, at + 65_536) ?? new Uint8Array())) {
        sum += piece.byteLength;
        longest = Math.max(longest, piece.byteLength);
      }
    }
    expect(sum).toBe(20 * mebibyte);
    expect(longest).toBeLessThan(1.2 * mebibyte);
  });

  it('an inspection ends with its request', async () => {
    const ending = new AbortController();
    const inspecting = inspect(heavy, ending.signal);
    await scheduler.wait(1);
    ending.abort();
    await expect(inspecting).rejects.toMatchObject({ code: 'timeout' });
  });

  it('an archive of more than 200 MB unpacked or 5,000 entries is refused by its directory alone', async () => {
    expect(await inspect(heavy)).toBeNull();
    const large = zip([...docxParts, zeros(192), ballast(2_200_000)]);
    expect(await turnsUntil(inspect(large).then((flaw) => expect(flaw).toBe('archive_bomb')))).toBeLessThan(
      50,
    );
    const many = Array.from({ length: 5001 - docxParts.length }, (_, at) => ({
      name: `word/${at}`,
      content: new Uint8Array(),
    }));
    expect(await inspect(zip([...docxParts, ...many.slice(1)]))).toBeNull();
    expect(await inspect(zip([...docxParts, ...many]))).toBe('archive_bomb');
  });
});
