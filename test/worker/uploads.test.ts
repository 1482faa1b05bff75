import { describe, expect, it, vi } from 'vitest';
import { eicar } from '../../src/platform/scanners/builtin.ts';
import { newAccountAllowed } from '../support/worker/administrators.ts';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  auditOf,
  bytesOf,
  createUploader,
  declarationOf,
  declare,
  objectsOf,
  pdf,
  put,
  rowOf,
  sha256Of,
  uploadFile,
  usageOf,
  withoutScanner,
  workOn,
} from '../support/worker/uploads.ts';

const client = createUploader();
const statusOf = async (bearer: string, id: string) =>
  ((await (await client('GET', `/uploads/${id}`, { bearer })).json()) as { status: string }).status;

describe('a file', () => {
  it('a file is declared, sent, confirmed and scanned, and can be downloaded byte for byte once it is clean', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    const created = await client('POST', '/uploads', { bearer, json: await declarationOf(pdf) });
    expect(created.status).toBe(201);
    const ticket = (await created.json()) as Awaited<ReturnType<typeof declare>>;
    expect(ticket).toEqual({
      id: expect.any(String),
      status: 'pending',
      upload: {
        method: 'PUT',
        url: expect.stringContaining(`http://localhost:3002/uploads/${ticket.id}/content?`),
        headers: {
          'content-type': 'application/pdf',
          'x-amz-checksum-sha256': Uint8Array.fromHex(await sha256Of(pdf)).toBase64(),
        },
        size: pdf.byteLength,
        expires_at: expect.any(String),
      },
    });
    expect(created.headers.get('Location')).toBe(`/uploads/${ticket.id}`);
    expect(created.headers.get('Cache-Control')).toBe('no-store');

    expect((await put(client, ticket)).status).toBe(200);
    expect(await objectsOf(ticket.id)).toEqual([`quarantine/${user.id}/${ticket.id}`]);
    const completed = await client('POST', `/uploads/${ticket.id}/complete`, { bearer });
    expect(await completed.json()).toEqual({
      ...(await declarationOf(pdf)),
      id: ticket.id,
      status: 'scanning',
      reason: null,
      detail: null,
      created_at: expect.any(String),
    });
    await expectProblem(
      await client('GET', `/uploads/${ticket.id}/download`, { bearer }),
      409,
      'upload_not_clean',
    );

    expect(await workOn(ticket.id)).toEqual({ acked: [ticket.id], retried: [] });
    expect(await statusOf(bearer, ticket.id)).toBe('clean');
    const download = await client('GET', `/uploads/${ticket.id}/download`, { bearer });
    expect(new Uint8Array(await download.arrayBuffer())).toEqual(pdf);
    expect(await auditOf(ticket.id)).toEqual(['upload.created', 'upload.completed', 'upload.clean']);
  });

  // Proves ASVS 5.4.3.
  it('an infected file cannot be downloaded; its bytes go and its row stays', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    const content = bytesOf(`${'x'.repeat(100_000)}${eicar}`);
    const id = await uploadFile(client, bearer, content, {
      filename: 'notes.txt',
      content_type: 'text/plain',
    });
    await workOn(id);
    expect(await rowOf(id)).toMatchObject({ status: 'infected', verdict_detail: 'EICAR-Test-File' });
    await expectProblem(await client('GET', `/uploads/${id}/download`, { bearer }), 409, 'upload_not_clean');
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
    expect(await statusOf(bearer, id)).toBe('infected');
    expect(await usageOf(user.id)).toEqual({ files: 0, bytes: '0' });
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed', 'upload.infected']);
  });

  it('the files of an owner are listed newest first, a page at a time', async () => {
    const { access_token: bearer } = await newAccount(client);
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) ids.unshift((await declare(client, bearer)).id);
    const page = async (query: string) =>
      (await (await client('GET', `/uploads${query}`, { bearer })).json()) as {
        items: { id: string }[];
        next_cursor: string | null;
      };
    const first = await page('?limit=2');
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await page(`?limit=3&cursor=${first.next_cursor}`);
    expect(rest.items.map(({ id }) => id)).toEqual(ids.slice(2));
    expect(rest.next_cursor).toBeNull();
  });

  it('a deleted file is gone at once, and its bytes with the next piece of work', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    const id = await uploadFile(client, bearer);
    await workOn(id);
    expect((await client('DELETE', `/uploads/${id}`, { bearer })).status).toBe(204);
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/download'],
      ['POST', '/complete'],
      ['DELETE', ''],
    ] as const)
      await expectProblem(await client(method, `/uploads/${id}${path}`, { bearer }), 404, 'not_found');
    expect(await usageOf(user.id)).toEqual({ files: 0, bytes: '0' });
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
  });
});

describe('a declaration', () => {
  const sha256 = 'a'.repeat(64);
  const good = { filename: 'report.pdf', content_type: 'application/pdf', size: 10, sha256 };

  it.each<[string, object, string, string]>([
    ['a path', { filename: '../../x.pdf' }, '/filename', 'not_a_file_name'],
    ['a header', { filename: 'a"b\r\n.pdf' }, '/filename', 'not_a_file_name'],
    ['a path and an escape', { filename: '…/%00' }, '/filename', 'not_a_file_name'],
    [
      'an override of the direction',
      { filename: 'annual-\u202efdp.exe.pdf' },
      '/filename',
      'not_a_file_name',
    ],
    ['a NUL', { filename: 'a\0.pdf' }, '/filename', 'not_text'],
    ['half a surrogate pair', { filename: '\ud800.pdf' }, '/filename', 'not_text'],
    ['a very long name', { filename: `${'x'.repeat(10_000)}.pdf` }, '/filename', 'too_long'],
    ['a long name in few characters', { filename: `${'é'.repeat(200)}.pdf` }, '/filename', 'too_long'],
    ['no name', { filename: '' }, '/filename', 'too_short'],
    ['the ending of a program', { filename: 'report.pdf.exe' }, '/filename', 'wrong_ending'],
    ['a type that is not allowed', { content_type: 'text/html' }, '/content_type', 'unsupported'],
    // Parameters do not count, so the type before them does.
    ['another type', { content_type: 'text/html; application/pdf' }, '/content_type', 'unsupported'],
    ['two types', { content_type: 'application/pdf, text/html' }, '/content_type', 'unsupported'],
    ['a hidden ending of a program', { filename: 'report.pdf\u200b.e\u00adxe' }, '/filename', 'wrong_ending'],
    ['only invisible characters', { filename: '\u200b\u00ad' }, '/filename', 'too_short'],
    ['a size over the limit', { size: 5_242_881 }, '/size', 'too_large'],
    ['no size', { size: 0 }, '/size', 'out_of_range'],
    ['a negative size', { size: -1 }, '/size', 'out_of_range'],
    ['a size that is no whole number', { size: 1.5 }, '/size', 'wrong_type'],
    ['another checksum', { sha256: 'abc' }, '/sha256', 'invalid'],
    ['a status of its own', { status: 'clean' }, '/status', 'unknown_member'],
    ['a key of its own', { object_name: 'x' }, '/object_name', 'unknown_member'],
    // Proves ASVS 5.2.1; ASVS 5.4.1.
  ])('a declaration with %s is refused, and nothing is written', async (_, given, pointer, code) => {
    const { access_token: bearer, user } = await newAccount(client);
    const response = await client('POST', '/uploads', { bearer, json: { ...good, ...given } });
    const problem = JSON.parse(await expectProblem(response, 422, 'validation_failed'));
    expect(problem.errors).toContainEqual(expect.objectContaining({ pointer, code }));
    expect(await sql`select id from uploads where user_id = ${user.id}`).toEqual([]);
    expect(await usageOf(user.id)).toEqual({ files: 0, bytes: '0' });
  });

  it('a file is taken as systems and code generators declare it, and kept in one spelling', async () => {
    const { access_token: bearer } = await newAccount(client);
    const sha256 = (await declarationOf(pdf)).sha256;
    const ticket = await declare(client, bearer, pdf, {
      filename: ' Scherm\u00adafbeelding\u200b.pdf ',
      content_type: 'Application/X-PDF; charset=binary',
      sha256: sha256.toUpperCase(),
    });
    expect(ticket.upload.headers).toMatchObject({ 'content-type': 'application/pdf' });
    const sent = await put(client, ticket, pdf, { 'content-type': 'application/PDF;charset=binary' });
    expect(sent.status).toBe(200);
    const complete = await client('POST', `/uploads/${ticket.id.toUpperCase()}/complete`, { bearer });
    expect(complete.status).toBe(202);
    expect(await complete.json()).toMatchObject({
      id: ticket.id,
      filename: 'Schermafbeelding.pdf',
      content_type: 'application/pdf',
      sha256,
    });
  });

  it('bytes of another type than the declared one are not taken, whatever parameters they name', async () => {
    const { access_token: bearer } = await newAccount(client);
    const ticket = await declare(client, bearer);
    for (const type of ['text/html', 'text/html;application/pdf', 'application/pdf, text/html', ''])
      await expectProblem(await put(client, ticket, pdf, { 'content-type': type }), 422, 'upload_rejected');
  });

  it('a strict environment without a scanner refuses uploads', async () => {
    const { JWT_SECRET, SECRET_KEY } = withoutScanner;
    const { access_token: bearer } = await newAccount(createUploader({ JWT_SECRET, SECRET_KEY }));
    const strict = createUploader({ ...withoutScanner, LOG_LEVEL: 'warn' });
    const id = crypto.randomUUID();
    const written = vi.spyOn(console, 'log').mockImplementation(() => {});
    const responses = [
      await strict('POST', '/uploads', { bearer, json: good }),
      await strict('POST', `/uploads/${id}/complete`, { bearer }),
      await strict('PUT', `/uploads/${id}/content?expires=1&signature=${'A'.repeat(43)}`, { body: 'x' }),
    ];
    const ids = responses.map((response) => response.headers.get('X-Request-ID'));
    for (const response of responses) {
      expect(response.headers.get('Retry-After')).toBe('3600');
      await expectProblem(response, 503, 'uploads_disabled');
    }
    // Expected by the configuration: one line each, and no stack.
    const lines = written.mock.calls.map(([line]) => JSON.parse(line));
    written.mockRestore();
    expect(lines.filter((line) => ids.includes(line.request_id))).toEqual(
      ids.map((request_id) => ({
        time: expect.any(String),
        level: 'warn',
        message: 'uploads_disabled',
        request_id,
      })),
    );
  });
});

describe('a file of another account', () => {
  it('the file of another account is not found by any route', async () => {
    const [{ access_token: owner }, { access_token: stranger, user }] = [
      await newAccount(client),
      await newAccount(client),
    ];
    const pending = await declare(client, owner);
    const clean = await uploadFile(client, owner);
    await workOn(clean);
    for (const id of [pending.id, clean]) {
      for (const [method, path] of [
        ['GET', `/uploads/${id}`],
        ['GET', `/uploads/${id}/download`],
        ['HEAD', `/uploads/${id}/download`],
        ['POST', `/uploads/${id}/complete`],
        ['DELETE', `/uploads/${id}`],
      ] as const) {
        const response = await client(method, path, { bearer: stranger });
        expect(response.status, `${method} ${path}`).toBe(404);
      }
    }
    const list = (await (await client('GET', '/uploads', { bearer: stranger })).json()) as {
      items: unknown[];
    };
    expect(list.items).toEqual([]);
    const cursor = (await (await client('GET', `/uploads?cursor=${clean}`, { bearer: stranger })).json()) as {
      items: unknown[];
    };
    expect(cursor.items).toEqual([]);
    expect((await rowOf(pending.id))?.status).toBe('pending');
    expect((await rowOf(clean))?.status).toBe('clean');
    expect(await usageOf(user.id)).toEqual({ files: 0, bytes: '0' });
  });

  it('an owner whose session has ended reaches no file by any route', async () => {
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer);
    await workOn(id);
    await client('POST', '/auth/logout', { bearer });
    for (const [method, path] of [
      ['GET', `/uploads/${id}`],
      ['GET', `/uploads/${id}/download`],
      ['GET', '/uploads'],
      ['POST', `/uploads/${id}/complete`],
      ['DELETE', `/uploads/${id}`],
    ] as const)
      await expectProblem(await client(method, path, { bearer }), 401, 'session_revoked');
    const declared = await client('POST', '/uploads', { bearer, json: await declarationOf(pdf) });
    await expectProblem(declared, 401, 'session_revoked');
    expect((await rowOf(id))?.deleted_at).toBeNull();
  });
});

describe('GET /users/{id}/uploads', () => {
  it('an administrator with uploads:read lists the files of one account, and of no other', async () => {
    const owner = await newAccount(client);
    const other = await newAccount(client);
    const reader = await newAccountAllowed(client, 'uploads:read');
    const ids = [
      (await declare(client, owner.access_token)).id,
      (await declare(client, owner.access_token)).id,
    ];
    await declare(client, other.access_token);
    const read = (id: string, bearer: string, query = '') =>
      client('GET', `/users/${id}/uploads${query}`, { bearer });
    const first = await (await read(owner.user.id, reader.access_token, '?limit=1')).json<{
      items: { id: string }[];
      next_cursor: string;
    }>();
    const second = await read(owner.user.id, reader.access_token, `?cursor=${first.next_cursor}`);
    const { items } = await second.json<{ items: { id: string }[] }>();
    expect([...first.items, ...items].map(({ id }) => id)).toEqual(ids.toReversed());
    await expectProblem(await read(owner.user.id, owner.access_token), 403, 'forbidden');
    await expectProblem(await read(crypto.randomUUID(), reader.access_token), 404, 'not_found');
    // The list does not open the download.
    const download = await client('GET', `/uploads/${ids[0]}/download`, { bearer: reader.access_token });
    await expectProblem(download, 404, 'not_found');
  });
});
