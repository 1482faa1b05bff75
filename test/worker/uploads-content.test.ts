import { describe, expect, it } from 'vitest';
import { docxParts, docxType, type ZipPart, zip } from '../support/archives/zip.ts';
import { newAccount } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  auditOf,
  bytesOf,
  createUploader,
  declare,
  objectsOf,
  pdf,
  put,
  rowOf,
  usageOf,
  workOn,
} from '../support/worker/uploads.ts';

const client = createUploader();
const { access_token: bearer, user } = await newAccount(client);

const names: Record<string, string> = {
  'application/pdf': 'x.pdf',
  'image/png': 'x.png',
  'image/jpeg': 'x.jpg',
  'text/plain': 'x.txt',
  [docxType]: 'x.docx',
};

/** Sends a content under a type and confirms it. */
const confirm = async (type: string, content: Uint8Array<ArrayBuffer>) => {
  const ticket = await declare(client, bearer, content, { content_type: type, filename: names[type] ?? 'x' });
  expect((await put(client, ticket, content)).status).toBe(200);
  return { id: ticket.id, response: await client('POST', `/uploads/${ticket.id}/complete`, { bearer }) };
};

const join = (...pieces: (Uint8Array | string)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(pieces.flatMap((piece) => [...(typeof piece === 'string' ? bytesOf(piece) : piece)]));

const png = Uint8Array.fromBase64(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
);
const jpeg = join(
  Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16),
  'JFIF\0',
  new Uint8Array(20),
  Uint8Array.of(0xff, 0xd9),
);
const docx = zip(docxParts);
const program = join('MZ', new Uint8Array(500));
const page = '<!DOCTYPE html><script>alert(1)</script>';
const content = new Uint8Array(2000);

describe('a content that is what it says', () => {
  it.each<[string, Uint8Array<ArrayBuffer>]>([
    ['application/pdf', pdf],
    ['image/png', png],
    ['image/jpeg', jpeg],
    [docxType, docx],
    ['text/plain', bytesOf('Grüße, 世界\n\tand a tab\r\n')],
    ['text/plain', bytesOf('\ufeffwith a byte order mark')],
    ['text/plain', bytesOf('x')],
    // Characters on the borders of the pieces that are read.
    ['text/plain', bytesOf('🦉'.repeat(60_000))],
    ['application/pdf', join(pdf, new Uint8Array(200_000))],
  ])('is scanned as %s', async (type, bytes) => {
    const { response } = await confirm(type, bytes);
    expect(await response.json()).toMatchObject({ status: 'scanning', reason: null });
  });
});

describe('a content that is not what it says', () => {
  const word = (...parts: ZipPart[]) => zip([...docxParts, ...parts]);

  it.each<[string, string, Uint8Array<ArrayBuffer>, string]>([
    ['a program as a PDF', 'application/pdf', program, 'wrong_type'],
    ['a page as a PDF', 'application/pdf', bytesOf(page), 'wrong_type'],
    ['a PNG as a JPEG', 'image/jpeg', png, 'wrong_type'],
    ['a PDF as a PNG', 'image/png', pdf, 'wrong_type'],
    ['a PDF as text', 'text/plain', pdf, 'wrong_type'],
    ['a PNG as text', 'text/plain', png, 'wrong_type'],
    ['a program as text', 'text/plain', program, 'wrong_type'],
    ['nothing known as a PNG', 'image/png', content, 'wrong_type'],
    ['text with a NUL', 'text/plain', bytesOf('hello\0world'), 'not_text'],
    ['text in Latin 1', 'text/plain', join('Gr', Uint8Array.of(0xfc, 0xdf), 'e'), 'not_text'],
    ['text that ends in half a character', 'text/plain', join('abc', Uint8Array.of(0xf0, 0x9f)), 'not_text'],
    [
      'text with a NUL behind the first 100 KB',
      'text/plain',
      bytesOf(`${'x'.repeat(100_000)}\0`),
      'not_text',
    ],
    ['an archive as a Word document', docxType, zip([{ name: 'a.txt', content }]), 'wrong_type'],
    ['a Word document with macros', docxType, word({ name: 'word/vbaProject.bin', content }), 'wrong_type'],
    ['a Word document without its text', docxType, zip(docxParts.slice(0, 2)), 'wrong_type'],
    ['a PDF as a Word document', docxType, pdf, 'wrong_type'],
    ['a Word document as a PDF', 'application/pdf', docx, 'wrong_type'],
    [
      'an archive that is a bomb',
      docxType,
      word({ name: 'x', content, size: 4e9, method: 8 }),
      'archive_bomb',
    ],
    ['an encrypted archive', docxType, word({ name: 'x', content, flags: 1 }), 'archive_unsafe'],
    ['an archive that leads out of itself', docxType, word({ name: '../x', content }), 'archive_unsafe'],
    ['half an archive', docxType, docx.slice(0, 100), 'archive_unsafe'],
    ['a PDF that is an archive too', 'application/pdf', zip(docxParts, { before: pdf }), 'polyglot'],
    ['a PNG that is an archive too', 'image/png', zip(docxParts, { before: png }), 'polyglot'],
    ['a JPEG that is an archive too', 'image/jpeg', zip(docxParts, { before: jpeg }), 'polyglot'],
    ['a JPEG that is a PDF too', 'image/jpeg', join(jpeg, pdf), 'polyglot'],
    ['a Word document that is a PDF too', docxType, word({ name: 'x', content: pdf }), 'polyglot'],
    ['a text that is a PDF too', 'text/plain', join('hello\n', pdf), 'polyglot'],
    ['a Word document with something behind it', docxType, zip(docxParts, { after: content }), 'polyglot'],
    [
      'a big PDF that is an archive too',
      'application/pdf',
      zip(docxParts, { before: join(pdf, new Uint8Array(200_000)) }),
      'polyglot',
    ],
  ])('is refused, told why, and not kept: %s', async (_, type, bytes, reason) => {
    const before = await usageOf(user.id);
    const { id, response } = await confirm(type, bytes);
    const problem = JSON.parse(await expectProblem(response, 422, 'upload_rejected'));
    expect(problem.detail).toMatch(/content|archive/);
    expect(await rowOf(id)).toMatchObject({ status: 'failed', reason });
    expect((await usageOf(user.id))?.bytes).toBe(before?.bytes ?? '0');
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.failed']);
    await expectProblem(await client('GET', `/uploads/${id}/download`, { bearer }), 409, 'upload_not_clean');
  });
});
