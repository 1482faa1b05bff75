import { describe, expect, it } from 'vitest';
import { type Client, newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  auditOf,
  createUploader,
  declarationOf,
  declare,
  endUrl,
  pdf,
  put,
  rowOf,
  type Ticket,
  uploadFile,
  usageOf,
  workOn,
} from '../support/worker/uploads.ts';

const declareAtOnce = async (client: ReturnType<typeof createUploader>, bearer: string, count: number) => {
  const json = await declarationOf(pdf);
  const responses = await Promise.all(
    Array.from({ length: count }, () =>
      client('POST', '/uploads', { bearer, json: { ...json, filename: `${crypto.randomUUID()}.pdf` } }),
    ),
  );
  return responses.map(({ status }) => status).toSorted();
};
const giveAway = async (id: string) => {
  const { user } = await newAccount(createUploader());
  await sql`update uploads set user_id = ${user.id} where id = ${id}`;
};
const times = (status: number, count: number) => Array.from({ length: count }, () => status);

type Limits = {
  max_bytes: number;
  quota: Record<'files' | 'bytes', { max: number; used: number }>;
};
const limitsOf = async (client: ReturnType<typeof createUploader>, bearer: string): Promise<Limits> =>
  (await client('GET', '/uploads/limits', { bearer })).json();

describe('the limits of uploads', () => {
  it('an account reads the types with their endings, the largest size, its quota and the life of an upload URL', async () => {
    const client = createUploader({ UPLOAD_ALLOWED_TYPES: 'image/jpeg, pdf', UPLOAD_MAX_BYTES: '1000' });
    const { access_token: bearer } = await newAccount(client);
    await declare(client, bearer);
    const limits = await client('GET', '/uploads/limits', { bearer });
    expect(limits.status).toBe(200);
    expect(await limits.json()).toEqual({
      types: [
        { content_type: 'image/jpeg', endings: ['.jpg', '.jpeg', '.jpe', '.jfif', '.pjp', '.pjpeg'] },
        { content_type: 'application/pdf', endings: ['.pdf'] },
      ],
      max_bytes: 1000,
      quota: {
        files: { max: expect.any(Number), used: 1 },
        bytes: { max: expect.any(Number), used: pdf.byteLength },
      },
      url_seconds: 900,
    });
  });
});

describe('the same declaration again', () => {
  it('an upload that was broken off is begun again as the same file with a fresh URL, also in a full quota', async () => {
    const client = createUploader({ UPLOAD_MAX_FILES_PER_USER: '1' });
    const { access_token: bearer } = await newAccount(client);
    const json = await declarationOf(pdf, { filename: 'broken-off.pdf' });
    const first = await client('POST', '/uploads', { bearer, json });
    expect(first.status).toBe(201);
    const { id } = await first.json<{ id: string }>();
    await endUrl(id);
    const again = await client('POST', '/uploads', {
      bearer,
      json: { ...json, filename: ' broken-off.pdf', content_type: 'application/x-pdf' },
    });
    expect(again.status).toBe(200);
    expect(again.headers.get('Location')).toBe(`/uploads/${id}`);
    const ticket = await again.json<Ticket>();
    expect(ticket.id).toBe(id);
    expect(Date.parse(ticket.upload.expires_at)).toBeGreaterThan(Date.now() + 890_000);
    // It is given up half an hour after the last declaration.
    const due = (await rowOf(id))?.next_attempt_at ?? new Date(0);
    expect(due.getTime()).toBe(Date.parse(ticket.upload.expires_at) + 900_000);
    expect((await put(client, ticket)).status).toBe(200);
    expect((await client('POST', `/uploads/${id}/complete`, { bearer })).status).toBe(202);
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed']);
  });

  it('parallel declarations in the same words are one file', async () => {
    const client = createUploader();
    const { access_token: bearer, user } = await newAccount(client);
    const json = await declarationOf(pdf);
    const responses = await Promise.all(times(0, 8).map(() => client('POST', '/uploads', { bearer, json })));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([...times(200, 7), 201]);
    const ids = await Promise.all(responses.map(async (each) => (await each.json<Ticket>()).id));
    expect(new Set(ids).size).toBe(1);
    expect(await usageOf(user.id)).toEqual({ files: 1, bytes: String(pdf.byteLength) });
  });

  it.each<[string, (id: string, client: Client, bearer: string) => Promise<unknown>]>([
    ['was deleted', (id, client, bearer) => client('DELETE', `/uploads/${id}`, { bearer })],
    ['is being worked on', (id) => sql`update uploads set attempts = 1 where id = ${id}`],
    ['was refused', (id) => sql`update uploads set status = 'failed' where id = ${id}`],
    ['is of another account', (id) => giveAway(id)],
  ])('a file that %s is not begun again', async (_, change) => {
    const client = createUploader();
    const { access_token: bearer } = await newAccount(client);
    const json = await declarationOf(pdf);
    const first = await (await client('POST', '/uploads', { bearer, json })).json<Ticket>();
    await change(first.id, client, bearer);
    const again = await client('POST', '/uploads', { bearer, json });
    expect(again.status).toBe(201);
    expect((await again.json<Ticket>()).id).not.toBe(first.id);
  });

  it.each([
    ['name', { filename: 'another.pdf' }],
    ['size', { size: 7 }],
    ['checksum', { sha256: 'a'.repeat(64) }],
    ['type', { content_type: 'text/plain', filename: 'report.txt' }],
  ])('a declaration with another %s is another file', async (_, given) => {
    const client = createUploader();
    const { access_token: bearer } = await newAccount(client);
    const json = await declarationOf(pdf);
    await client('POST', '/uploads', { bearer, json });
    expect((await client('POST', '/uploads', { bearer, json: { ...json, ...given } })).status).toBe(201);
  });
});

describe('the quota of an account', () => {
  it('refused files give their place back, and only the newest of them stay in the list', async () => {
    const client = createUploader({ UPLOAD_MAX_FILES_PER_USER: '2' });
    const { access_token: bearer, user } = await newAccount(client);
    const refused: string[] = [];
    for (let count = 0; count < 4; count++) {
      const { id } = await declare(client, bearer);
      await sql`
        update uploads set status = 'failed', bytes_deleted_at = now(), next_attempt_at = null where id = ${id}`;
      refused.push(id);
    }
    const { id } = await declare(client, bearer);
    expect((await limitsOf(client, bearer)).quota.files).toEqual({ max: 2, used: 1 });
    const kept = (await sql`select id from uploads where user_id = ${user.id} order by id`) as {
      id: string;
    }[];
    expect(kept.map((row) => row.id)).toEqual([...refused.slice(2), id]);
  });

  it('a refused file whose bytes may come again is kept until its upload URL has ended', async () => {
    const client = createUploader({ UPLOAD_MAX_FILES_PER_USER: '1' });
    const { access_token: bearer, user } = await newAccount(client);
    for (let count = 0; count < 3; count++) {
      const { id } = await declare(client, bearer);
      await sql`update uploads set status = 'failed', next_attempt_at = expires_at where id = ${id}`;
    }
    await declare(client, bearer);
    expect(await sql`select id from uploads where user_id = ${user.id}`).toHaveLength(4);
  });

  it.each([
    ['files', { UPLOAD_MAX_FILES_PER_USER: '5' }],
    ['bytes', { UPLOAD_MAX_BYTES: '100', UPLOAD_MAX_TOTAL_BYTES_PER_USER: String(pdf.byteLength * 5 + 3) }],
    // Proves ASVS 5.2.4.
  ])('20 parallel uploads do not exceed the quota of %s', async (_, limits) => {
    const client = createUploader(limits);
    const { access_token: bearer, user } = await newAccount(client);
    expect(await declareAtOnce(client, bearer, 20)).toEqual([...times(201, 5), ...times(409, 15)]);
    expect(await usageOf(user.id)).toEqual({ files: 5, bytes: String(pdf.byteLength * 5) });
    expect(await sql`select count(*)::int as count from uploads where user_id = ${user.id}`).toEqual([
      { count: 5 },
    ]);
  });

  it('each account has its own quota, and a deletion frees a place', async () => {
    const client = createUploader({ UPLOAD_MAX_FILES_PER_USER: '2' });
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer);
    await workOn(id);
    await uploadFile(client, bearer);
    const refused = await client('POST', '/uploads', { bearer, json: await declarationOf(pdf) });
    await expectProblem(refused, 409, 'upload_quota_exceeded');
    const { access_token: other } = await newAccount(client);
    expect(await declareAtOnce(client, other, 1)).toEqual([201]);
    // Two parallel deletions free one place.
    const deletions = await Promise.all(
      times(0, 2).map(() => client('DELETE', `/uploads/${id}`, { bearer })),
    );
    expect(deletions.map(({ status }) => status).toSorted()).toEqual([204, 404]);
    expect(await declareAtOnce(client, bearer, 3)).toEqual([201, 409, 409]);
  });

  it('uploads have a rate limit of their own', async () => {
    const client = createUploader({ RATE_LIMIT_MAX: '10' });
    const { access_token: bearer } = await newAccount(client);
    expect(await declareAtOnce(client, bearer, 8)).toEqual([...times(201, 6), ...times(429, 2)]);
  });
});
