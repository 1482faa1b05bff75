import { describe, expect, it } from 'vitest';
import { jpeg, jpegOf, jpegParts, png } from '../support/files/images.ts';
import {
  contentTypes,
  docxParts,
  docxType,
  packed,
  streamed,
  type ZipPart,
  zip,
} from '../support/files/zip.ts';
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

const client = createUploader({ UPLOAD_MAX_FILES_PER_USER: '1000' });
const { access_token: bearer, user } = await newAccount(client);

const names: Record<string, string> = {
  'application/pdf': 'x.pdf',
  'image/png': 'x.png',
  'image/jpeg': 'x.jpg',
  'text/plain': 'x.txt',
  [docxType]: 'x.docx',
};

/** Sends content under a type and confirms it. */
const confirm = async (type: string, content: Uint8Array<ArrayBuffer>) => {
  const ticket = await declare(client, bearer, content, { content_type: type, filename: names[type] ?? 'x' });
  expect((await put(client, ticket, content)).status).toBe(200);
  return { id: ticket.id, response: await client('POST', `/uploads/${ticket.id}/complete`, { bearer }) };
};

const join = (...pieces: (Uint8Array | string)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(pieces.flatMap((piece) => [...(typeof piece === 'string' ? bytesOf(piece) : piece)]));

const docx = zip(docxParts);
const word = (...parts: ZipPart[]) => zip([...docxParts, ...parts]);
/** A document whose parts have the given types. */
const typed = (types: string, ...parts: ZipPart[]) =>
  zip([packed('[Content_Types].xml', types), ...docxParts.slice(1), ...parts]);
const mainType = `${docxType}.main+xml`;
const sheetType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml';
const macroType = 'application/vnd.ms-word.document.macroEnabled.main+xml';
const program = join('MZ\x90\0', new Uint8Array(500));
const page = '<!DOCTYPE html><script>alert(1)</script>';
const content = new Uint8Array(2000);
const emptySegment = Uint8Array.of(0xff, 0xe0, 0, 2);
const emptyChunk = join(new Uint8Array(4), 'teXt', new Uint8Array(4));
const rar = 'Rar!\x1a\x07\x01\0';
const sevenZip = join('7z', Uint8Array.of(0xbc, 0xaf, 0x27, 0x1c), new Uint8Array(20));
const film = join(new Uint8Array(3), '\x18ftypmp42', new Uint8Array(3000).fill(7));

describe('content that fits its type', () => {
  it.each<[string, string, Uint8Array<ArrayBuffer>]>([
    ['a PDF', 'application/pdf', pdf],
    ['a PDF that is padded', 'application/pdf', join(pdf, '\r\n \0\0')],
    ['a long PDF of version 2', 'application/pdf', join('%PDF-2.0\n', new Uint8Array(200_000), pdf)],
    ['a PNG', 'image/png', png],
    ['a JPEG', 'image/jpeg', jpeg],
    ['a JPEG with a second one after it', 'image/jpeg', join(jpeg, jpeg)],
    ['a JPEG with a film after it', 'image/jpeg', join(jpeg, film)],
    ['a Word document', docxType, docx],
    ['a Word document that was streamed', docxType, zip(docxParts.map((part) => streamed(part)))],
    ['a Word document with a folder', docxType, word({ name: 'word/media/' })],
    ['text', 'text/plain', bytesOf('Grüße, 世界\n\tand a tab\r\n\f')],
    ['text with a byte order mark', 'text/plain', bytesOf('\ufeffx')],
    ['one letter', 'text/plain', bytesOf('x')],
    // Characters on the borders of the pieces that are read.
    ['text in long characters', 'text/plain', bytesOf('🦉'.repeat(60_000))],
    ...[
      'BMW is a maker of cars',
      'MZ was the sign of Mark Zbikowski',
      'GIF89a is a format',
      'WEBVTT\n\n00:01.000 --> 00:04.000\nHello',
      'BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nEND:VCARD\r\n',
      '{\\rtf1 is how RTF begins',
      '<?xml version="1.0"?><note>Hello</note>',
      '<h1 align="center">Itsor</h1>\n\nMarkdown begins like this',
      '<!-- a comment --> and more Markdown',
      'Pages begin with <html>, and end with <script>alert(1)</script>',
      'A file of PDF begins with %PDF-1.7 and ends with %%EOF',
      '< 3 owls',
    ].map((text): [string, string, Uint8Array<ArrayBuffer>] => [
      `text that begins ${text}`,
      'text/plain',
      bytesOf(text),
    ]),
  ])('content that fits its type is scanned: %s', async (_, type, bytes) => {
    const { response } = await confirm(type, bytes);
    expect(await response.json()).toMatchObject({ status: 'scanning', reason: null });
  });
});

describe('content that does not fit its type', () => {
  it.each<[string, string, Uint8Array<ArrayBuffer>, string]>([
    ['a program as a PDF', 'application/pdf', program, 'wrong_type'],
    ['a page as a PDF', 'application/pdf', bytesOf(page), 'wrong_type'],
    ['five bytes as a PDF', 'application/pdf', bytesOf('%PDF-'), 'wrong_type'],
    ['a PDF of no version', 'application/pdf', join('%PDF-9.9\n', pdf), 'wrong_type'],
    ['a PDF after something else', 'application/pdf', join('x', pdf), 'wrong_type'],
    ['a PDF without an end', 'application/pdf', bytesOf('%PDF-1.7\n1 0 obj\n'), 'damaged'],
    ['a PDF without a table', 'application/pdf', bytesOf('%PDF-1.7\n1 0 obj\n%%EOF'), 'damaged'],
    ['a PDF with a page after it', 'application/pdf', join(pdf, page), 'polyglot'],
    ['a PDF with a program after it', 'application/pdf', join(pdf, program), 'polyglot'],
    ['a PDF with a RAR in it', 'application/pdf', join('%PDF-1.7\n', rar, pdf), 'polyglot'],
    ['a PDF with a 7z in it', 'application/pdf', join('%PDF-1.7\n', sevenZip, pdf), 'polyglot'],
    ['a PDF that is an archive too', 'application/pdf', zip(docxParts, { before: pdf }), 'polyglot'],
    [
      'a big PDF that is an archive too',
      'application/pdf',
      zip(docxParts, { before: join(pdf, new Uint8Array(200_000)) }),
      'polyglot',
    ],
    [
      'a PDF whose end is the comment of an archive',
      'application/pdf',
      zip(docxParts, { before: bytesOf('%PDF-1.7\n'), comment: 'startxref 0 %%EOF' }),
      'polyglot',
    ],

    ['a PNG as a JPEG', 'image/jpeg', png, 'wrong_type'],
    ['a PDF as a PNG', 'image/png', pdf, 'wrong_type'],
    ['unknown bytes as a PNG', 'image/png', content, 'wrong_type'],
    [
      'a JPEG of thousands of empty segments',
      'image/jpeg',
      jpegOf(...Array(20_001).fill(emptySegment), jpegParts.frame, jpegParts.scan, jpegParts.pixels),
      'damaged',
    ],
    [
      'a PNG of thousands of empty chunks',
      'image/png',
      join(png.slice(0, 33), ...Array(20_001).fill(emptyChunk), png.slice(33)),
      'damaged',
    ],
    ['three bytes as a JPEG', 'image/jpeg', jpeg.slice(0, 3), 'damaged'],
    ['half a JPEG', 'image/jpeg', jpeg.slice(0, -2), 'damaged'],
    ['a JPEG without pixels', 'image/jpeg', jpegOf(jpegParts.application, jpegParts.frame), 'damaged'],
    ['a JPEG without a frame', 'image/jpeg', jpegOf(jpegParts.scan, jpegParts.pixels), 'damaged'],
    [
      'a JPEG with a byte between its segments',
      'image/jpeg',
      jpegOf(jpegParts.application, bytesOf('x'), jpeg.slice(2, -2)),
      'damaged',
    ],
    ['a JPEG that is an archive too', 'image/jpeg', zip(docxParts, { before: jpeg }), 'polyglot'],
    ['a JPEG that is a PDF too', 'image/jpeg', join(jpeg, pdf), 'polyglot'],
    ['a JPEG with a page after it', 'image/jpeg', join(jpeg, page), 'polyglot'],
    ['a JPEG with a tag of another white space after it', 'image/jpeg', join(jpeg, '<script\t>'), 'polyglot'],
    ['a JPEG with a script at a distance', 'image/jpeg', join(jpeg, film, '<SCRIPT>alert(1)'), 'polyglot'],
    ['a JPEG with a program after it', 'image/jpeg', join(jpeg, program), 'polyglot'],
    ['a JPEG with a RAR after it', 'image/jpeg', join(jpeg, film, rar), 'polyglot'],
    ['a JPEG with a 7z after it', 'image/jpeg', join(jpeg, sevenZip), 'polyglot'],
    ['a JPEG with half an archive after it', 'image/jpeg', join(jpeg, docx.slice(0, 100)), 'polyglot'],
    [
      'a JPEG with a RAR in it',
      'image/jpeg',
      jpegOf(Uint8Array.of(0xff, 0xfe, 0, 10), bytesOf(rar), jpeg.slice(2, -2)),
      'polyglot',
    ],
    ['half a PNG', 'image/png', png.slice(0, -12), 'damaged'],
    ['a PNG without pixels', 'image/png', join(png.slice(0, 33), png.slice(-12)), 'damaged'],
    ['a PNG without a header', 'image/png', join(png.slice(0, 8), png.slice(33)), 'damaged'],
    ['a PNG that is an archive too', 'image/png', zip(docxParts, { before: png }), 'polyglot'],
    ['a PNG with a page after it', 'image/png', join(png, page), 'polyglot'],
    ['a PNG with a zero after it', 'image/png', join(png, '\0'), 'polyglot'],
    [
      'a PNG with a RAR in it',
      'image/png',
      join(png.slice(0, 33), '\0\0\0\x08raRr', rar, '\0\0\0\0', png.slice(33)),
      'polyglot',
    ],

    ['a PDF as text', 'text/plain', pdf, 'wrong_type'],
    ['a PNG as text', 'text/plain', png, 'not_text'],
    ['a program as text', 'text/plain', program, 'not_text'],
    ['a bitmap as text', 'text/plain', join('BM', Uint8Array.of(70, 0, 0, 0), content), 'not_text'],
    ['a GIF as text', 'text/plain', join('GIF89a', Uint8Array.of(1, 0, 1, 0)), 'not_text'],
    ['text with a NUL', 'text/plain', bytesOf('hello\0world'), 'not_text'],
    ['text with an escape', 'text/plain', bytesOf('\x1b]0;title\x07'), 'not_text'],
    ['text with a control character of two bytes', 'text/plain', bytesOf('a\u009bb'), 'not_text'],
    ['text in Latin 1', 'text/plain', join('Gr', Uint8Array.of(0xfc, 0xdf), 'e'), 'not_text'],
    ['text that ends in half a character', 'text/plain', join('abc', Uint8Array.of(0xf0, 0x9f)), 'not_text'],
    ['text with a NUL at a distance', 'text/plain', bytesOf(`${'x'.repeat(100_000)}\0`), 'not_text'],
    ['a text that is a PDF too', 'text/plain', join('hello\n', pdf), 'polyglot'],
    ['a page as text', 'text/plain', bytesOf(page), 'active_markup'],
    ['a script as text', 'text/plain', bytesOf('\ufeff\n<ScRiPt src="x">'), 'active_markup'],
    ['an SVG as text', 'text/plain', bytesOf('<svg onload="alert(1)"/>'), 'active_markup'],
    [
      'an SVG after everything that may precede it',
      'text/plain',
      bytesOf('<?xml version="1.0"?>\n<!-- a --><!---->\n<s:svg xmlns:s="http://www.w3.org/2000/svg"/>'),
      'active_markup',
    ],
    [
      'XML with a style sheet as text',
      'text/plain',
      bytesOf('<?xml version="1.0"?><?xml-stylesheet href="x"?><x/>'),
      'active_markup',
    ],

    ['an archive as a Word document', docxType, zip([{ name: 'a.txt', content }]), 'wrong_type'],
    ['a Word document with macros', docxType, word({ name: 'word/vbaProject.bin', content }), 'wrong_type'],
    ['a Word document of the type for macros', docxType, typed(contentTypes(macroType)), 'wrong_type'],
    [
      'a Word document with both types',
      docxType,
      typed(contentTypes(mainType, `<Override PartName="/x" ContentType='${macroType.toUpperCase()}'/>`)),
      'wrong_type',
    ],
    ['a Word document without types', docxType, zip(docxParts.slice(1)), 'wrong_type'],
    ['a table as a Word document', docxType, typed(contentTypes(sheetType)), 'wrong_type'],
    [
      'a Word document that is a table too',
      docxType,
      typed(contentTypes(mainType, `<Override PartName="/x" ContentType="${sheetType}"/>`)),
      'polyglot',
    ],
    [
      'a Word document whose types are hidden',
      docxType,
      typed(contentTypes(mainType, '<!-- x -->')),
      'archive_unsafe',
    ],
    ['a Word document whose types are spelled out', docxType, typed(contentTypes('&#97;')), 'archive_unsafe'],
    [
      'a Word document that is a JAR too',
      docxType,
      word({ name: 'META-INF/MANIFEST.MF', content }),
      'polyglot',
    ],
    ['a Word document with a class', docxType, word({ name: 'Main.class', content }), 'polyglot'],
    [
      'a Word document that is an OpenDocument too',
      docxType,
      zip([{ name: 'mimetype', content: bytesOf('application/vnd.oasis.opendocument.text') }, ...docxParts]),
      'polyglot',
    ],
    ['a PDF as a Word document', docxType, pdf, 'wrong_type'],
    ['a Word document as a PDF', 'application/pdf', docx, 'wrong_type'],
    [
      'an archive that is a bomb',
      docxType,
      word({ name: 'x', content, size: 4e9, method: 8 }),
      'archive_bomb',
    ],
    [
      'an archive that understates its size',
      docxType,
      word({ ...packed('x', '0'.repeat(1e6)), size: 1 }),
      'archive_bomb',
    ],
    ['an encrypted archive', docxType, word({ name: 'x', content, flags: 1 }), 'archive_unsafe'],
    ['an archive that leads out of itself', docxType, word({ name: '../x', content }), 'archive_unsafe'],
    [
      'an archive with a header that leads out',
      docxType,
      word({ name: 'x', content, local: { name: '../../x' } }),
      'archive_unsafe',
    ],
    [
      'an archive with a hidden entry',
      docxType,
      word({ name: 'evil.exe', content, isHidden: true }),
      'polyglot',
    ],
    ['an archive with a comment', docxType, zip(docxParts, { comment: 'x' }), 'polyglot'],
    ['half an archive', docxType, docx.slice(0, 100), 'archive_unsafe'],
    [
      'a Word document that is a PDF too',
      docxType,
      zip([{ name: 'x', content: pdf }, ...docxParts]),
      'polyglot',
    ],
    ['a Word document with bytes after it', docxType, zip(docxParts, { after: content }), 'polyglot'],
  ])(
    // Proves ASVS 5.2.2.
    'content that does not fit its type is refused with the reason and deleted: %s',
    async (_, type, bytes, reason) => {
      const before = await usageOf(user.id);
      const { id, response } = await confirm(type, bytes);
      const problem = JSON.parse(await expectProblem(response, 422, 'upload_rejected'));
      expect(problem.detail).toMatch(/content|archive/);
      expect(await rowOf(id)).toMatchObject({ status: 'failed', reason });
      expect((await usageOf(user.id))?.bytes).toBe(before?.bytes ?? '0');
      await workOn(id);
      expect(await objectsOf(id)).toEqual([]);
      expect(await auditOf(id)).toEqual(['upload.created', 'upload.failed']);
      await expectProblem(
        await client('GET', `/uploads/${id}/download`, { bearer }),
        409,
        'upload_not_clean',
      );
    },
  );
});
