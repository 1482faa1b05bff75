import { env } from 'cloudflare:test';
import { Deflate } from 'pako';
import { describe, expect, it } from 'vitest';
import { createContentInspector } from '../../src/uploads/content-inspector.ts';
import { adviceOn, type ContentFlaw } from '../../src/uploads/rules/reasons.ts';
import { jpeg, png } from '../support/files/images.ts';
import {
  contentTypes,
  docxParts,
  docxType,
  join as joined,
  numbers,
  officeTypes,
  packed,
  relationships,
  streamed,
  type ZipPart,
  zip,
} from '../support/files/zip.ts';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  auditOf,
  bytesOf,
  createUploader,
  declare,
  makeDue,
  objectsOf,
  pdf,
  put,
  rowOf,
  uploadFile,
  workOn,
} from '../support/worker/uploads.ts';

const join = (...pieces: (Uint8Array | string)[]) =>
  joined(pieces.map((piece) => (typeof piece === 'string' ? bytesOf(piece) : piece)));
const zipType = 'application/zip';
const sheetType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const [types, root, main] = docxParts as [ZipPart, ZipPart, ZipPart];
const content = new Uint8Array(200);
const word = (...parts: ZipPart[]) => zip([...docxParts, ...parts]);
const docx = word();
/** A document with other types, or another root. */
const typed = (text: string, ...more: ZipPart[]) =>
  zip([packed('[Content_Types].xml', text), root, main, ...more]);
const rooted = (text: string, ...more: ZipPart[]) => zip([types, packed('_rels/.rels', text), main, ...more]);
/** A document whose main part has the relationship that is written there. */
const related = (written: string) => word(packed('word/_rels/document.xml.rels', relationships(written, '')));
const linked = (type: string, target = 'm.bin', mode = 'Internal') =>
  related(`<Relationship Id="r" Type="${officeTypes}/${type}" Target="${target}" TargetMode="${mode}"/>`);
const template = (target: string) => linked('attachedTemplate', target, 'External');
const utf16 = (text: string, isBig = false): Uint8Array => {
  const bytes = Uint8Array.from(
    [...`\ufeff${text}`].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8]),
  );
  return isBig ? bytes.map((_, at) => bytes[at ^ 1] as number) : bytes;
};
const inUtf16 = (text: string, isBig = false): ZipPart => ({
  name: 'word/_rels/document.xml.rels',
  content: utf16(text, isBig),
});
const macros = `<Relationship Id="r" Type="${officeTypes}/vbaProject" Target="m.bin"/>`;
const strict = 'http://purl.oclc.org/ooxml/officeDocument/relationships';
const mainAt = (target: string, type = `${officeTypes}/officeDocument`) =>
  relationships('', `<Relationship Id="r1" Type="${type}" Target="${target}"/>`);
const program = join('MZ\x90\0', content);
const cfb = (mark: string) =>
  join(Uint8Array.fromHex('d0cf11e0a1b11ae1'), content, utf16(mark).subarray(2), content);
const page = '<!DOCTYPE html><script>alert(1)</script>';
/** What makes each offset wrong: the bytes in front are not counted. */
const withLength = (text: string) => join(text, 'x'.repeat(2000), '%%EOF\n');

/** Types by which a document has macros, and an element that says otherwise where its readers do not look. */
const decoyed = (opening: string, closing = '/>') =>
  `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>${opening}PartName="/word/document.xml" ContentType="${docxType}.main+xml"${closing}</Types>`;

type Sample = readonly [
  name: string,
  type: string,
  content: Uint8Array<ArrayBuffer>,
  flaw: ContentFlaw | null,
];
const sample =
  (type: string, flaw: ContentFlaw | null) =>
  ([name, bytes]: readonly [string, Uint8Array<ArrayBuffer>]): Sample => [name, type, bytes, flaw];

const samples: readonly Sample[] = [
  ...(
    [
      ['text', bytesOf('Grüße, 世界\n\tand a tab\r\n\f\v\b')],
      ['text with a byte order mark', bytesOf('\ufeffx')],
      ['one letter', bytesOf('x')],
      ['text in Latin 1', join('Gr', Uint8Array.of(0xfc, 0xdf), 'e')],
      ['text in Shift JIS', Uint8Array.of(0x83, 0x65, 0x83, 0x4c, 0x83, 0x58)],
      ['text in UTF-16', joined([utf16('Grüße\r\n')])],
      ['text in UTF-16 of the other order', joined([utf16('Grüße\r\n', true)])],
      ['text with colours', bytesOf('\x1b[31mred\x1b[0m')],
      ['text with the end of DOS', bytesOf('DIR\r\n\x1a')],
      ['a page', bytesOf(page)],
      ['an SVG', bytesOf('<svg onload="alert(1)"/>')],
      ['a text about PDF', bytesOf('begins with %PDF-1.7 and ends with %%EOF')],
      ['a text that begins like a program', bytesOf('MZ was Mark Zbikowski')],
    ] as const
  ).map(sample('text/plain', null)),
  ...(
    [
      ['a PNG as text', png],
      ['a program as text', program],
      ['text with a NUL', bytesOf('hello\0world')],
      ['text with a bell', bytesOf('a\x07')],
      ['text with a DEL', bytesOf('a\x7f')],
      ['text with the end of DOS in the middle', bytesOf('a\x1ab')],
      ['text with a NUL at a distance', bytesOf(`${'x'.repeat(1_200_000)}\0`)],
      ['UTF-16 without its mark', joined([utf16('abc').subarray(2)])],
      ['UTF-16 with a NUL', joined([utf16('a\0b')])],
      ['UTF-16 with half a character', join(utf16('ab'), 'c')],
    ] as const
  ).map(sample('text/plain', 'not_text')),
  ['a PDF', 'application/pdf', pdf, null],
  ['a PDF that is padded', 'application/pdf', join(pdf, '\r\n \0\0'), null],
  ['a PDF with a word after it', 'application/pdf', join(pdf, 'x'.repeat(900)), null],
  ['a PDF after a kilobyte less its header', 'application/pdf', join('x'.repeat(1019), pdf), null],
  ['a PDF after a kilobyte', 'application/pdf', join('x'.repeat(1024), pdf), 'wrong_type'],
  ['a PDF whose end is far from the end', 'application/pdf', join(pdf, 'x'.repeat(1024)), 'damaged'],
  ['a long PDF', 'application/pdf', withLength('%PDF-2.0\n'), null],
  ['a PDF without an end', 'application/pdf', bytesOf('%PDF-1.7\n1 0 obj\n'), 'damaged'],
  ['a program as a PDF', 'application/pdf', program, 'wrong_type'],
  ['a page as a PDF', 'application/pdf', bytesOf(page), 'wrong_type'],
  ['a Word document as a PDF', 'application/pdf', docx, 'wrong_type'],
  ['a PNG', 'image/png', png, null],
  ['a PNG with bytes after it', 'image/png', join(png, 'x'), null],
  ['a JPEG', 'image/jpeg', jpeg, null],
  ['a JPEG with a second one after it', 'image/jpeg', join(jpeg, jpeg), null],
  ['a JPEG that a camera has cut off', 'image/jpeg', jpeg.slice(0, -2), null],
  ['a GIF', 'image/gif', join('GIF89a', Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0x3b)), null],
  ['a PNG as a JPEG', 'image/jpeg', png, 'wrong_type'],
  ['a PDF as a PNG', 'image/png', pdf, 'wrong_type'],
  ['a PNG as a GIF', 'image/gif', png, 'wrong_type'],
  ...(
    [
      ['a Word document', docx],
      ['one that was streamed', zip(docxParts.map((part) => streamed(part)))],
      ['one with a folder', word({ name: 'word/media/' })],
      ['one with a comment', zip(docxParts, { comment: 'made by hand' })],
      ['one in ZIP64', zip(docxParts, { isWide: true })],
      ['one in ZIP64 with a comment', zip(docxParts, { isWide: true, comment: 'x' })],
      ['one in the strict form', rooted(mainAt('word/document.xml', `${strict}/officeDocument`))],
      ['one with a root from the top', rooted(mainAt('/word/document.xml'))],
      ['one whose parts differ in case', rooted(mainAt('/Word/Document.XML'))],
      [
        'one with its type by default',
        typed(`<Types><Default Extension="XML" ContentType="${docxType}.main+xml"/></Types>`),
      ],
      [
        'one with prefixes and other quotes',
        rooted(
          `<p:Relationships xmlns:p="x"><!-- <a> --><p:Relationship\n Type = '${officeTypes}/officeDocument'\tTarget='word/document.xml' /></p:Relationships>`,
        ),
      ],
      ['one with parts in UTF-16', word(inUtf16(relationships('', '')))],
      [
        'one with a default for bin, as SheetJS writes',
        typed(
          contentTypes(
            undefined,
            '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>',
          ),
        ),
      ],
      ['one that talks of vbaProject', word(packed('word/notes.xml', '<a>vbaProject.bin macroEnabled</a>'))],
      ['one with a template of Word', template('Normal.dotm')],
      ['one with a link', linked('hyperlink', 'https://example.com/', 'External')],
      ['one with a class in it', word({ name: 'word/embeddings/Main.class', content })],
    ] as const
  ).map(sample(docxType, null)),
  ...(
    [
      ['an archive as a Word document', zip([{ name: 'a.txt', content }])],
      ['a PDF as a Word document', pdf],
      ['an old Word document', cfb('WordDocument')],
      ['one without types', zip([root, main])],
      ['one without relationships', zip([types, main])],
      ['one without a root', rooted(relationships('', ''))],
      ['one whose root is not there', rooted(mainAt('word/other.xml'))],
      ['one whose root is of another kind', rooted(mainAt('word/document.xml', 'http://x/officeDocument'))],
      ['a table as a Word document', typed(contentTypes(`${sheetType}.main+xml`))],
      ['a Word template', typed(contentTypes(docxType.replace('document', 'template')))],
      [
        'one with a second root of another type',
        rooted(
          relationships(`<Relationship Type="${officeTypes}/officeDocument" Target="x.xml"/>`),
          packed('x.xml', '<x/>'),
        ),
      ],
      ['an app', word(packed('AppxManifest.xml', '<Package/>'))],
      ['an app of Silverlight', word(packed('AppManifest.xaml', '<Deployment/>'))],
      ['an extension', word(packed('extension.vsixmanifest', '<x/>'))],
      [
        'a package of XPS',
        rooted(mainAt('word/document.xml', 'http://schemas.microsoft.com/xps/2005/06/fixedrepresentation')),
      ],
    ] as const
  ).map(sample(docxType, 'wrong_type')),
  ...(
    [
      ['macros by their name', word({ name: 'word/vbaProject.bin', content })],
      ['macros in another folder and case', word({ name: 'x/VBAPROJECT.BIN', content })],
      ['macros of an escaped name', word({ name: 'x/vba%50roject.bin', content })],
      ['the type for macros', typed(contentTypes('application/vnd.ms-word.document.macroEnabled.main+xml'))],
      ['macros under another name', related(macros)],
      ['data of macros', linked('wordVbaData')],
      ['a sheet of macros', linked('xlMacrosheet')],
      ['an international sheet of macros', linked('xlIntlMacrosheet')],
      [
        'macros in references',
        related(macros.replace('vbaP', 'vba&#80;').replace('office/', '&#x6F;ffice/')),
      ],
      ['macros in other quotes', related(macros.replaceAll('"', "'").replaceAll(' ', '\n'))],
      ['macros with a prefix', related(macros.replace('<', '<p:'))],
      ['macros behind a comment', related(`<!-- --><?x ?>${macros}`)],
      ['macros in UTF-16', word(inUtf16(macros))],
      ['macros in UTF-16 of the other order', word(inUtf16(macros, true))],
      ['macros in a folder of another case', word(packed('WORD/_RELS/X.RELS', macros))],
      ['macros in an escaped name of relationships', word(packed('word/_rels/x.re%6Cs', macros))],
    ] as const
  ).map(([name, bytes]): Sample => [`a Word document with ${name}`, docxType, bytes, 'macros']),
  ...[
    'http://a/x.dotm',
    'HTTPS://a/',
    'ht&#9;tps://a/',
    '\\\\host\\x',
    '//host/x',
    'file://host/x',
    'file:////host/x',
    'mhtml:http://a/x',
    '%68ttp://a/x',
    '%5C%5Chost%5Cx',
    '\\??\\UNC\\host\\x',
    'x-y.z:a',
  ].map((target): Sample => [`a template from ${target}`, docxType, template(target), 'remote_content']),
  ...['oleObject', 'frame', 'subDocument', 'aFChunk'].map(
    (type): Sample => [
      `a remote ${type}`,
      docxType,
      linked(type, 'mhtml:http://a/x', 'External'),
      'remote_content',
    ],
  ),
  ...['file:///C:\\Users\\ann\\x.dotx', 'file:///c:/x.dotx', 'C:\\x.dotx', 'Normal.dotm'].map(
    (target): Sample => [`a template on the disk, ${target}`, docxType, template(target), null],
  ),
  ...(
    [
      ['macros behind CDATA', related(`<![CDATA[ a="]]>${macros.replaceAll('"', "'")}<!-- " /> -->`)],
      ['a main type in CDATA', typed(decoyed('<![CDATA[ a=""><Override ', '/>]]>'))],
      ['a DTD', related('<!DOCTYPE a [<!ENTITY b "c">]>')],
      ['a mark in a value', related(`<a b="<${macros.replaceAll('"', "'")}"/>`)],
      ['a base of its own', related('<a xml:base="http://a/"/>')],
      [
        'relationships in XML 1.1',
        word(packed('word/_rels/x.rels', `<?xml version="1.1"?><a><Relationship\u0085Type="x"/></a>`)),
      ],
      [
        'a stored part of two sizes',
        word({ name: 'word/_rels/x.rels', content: bytesOf('<a/>  '), size: 4 }),
      ],
      [
        'a small part that is packed in much',
        word({ name: 'word/_rels/x.rels', content: new Uint8Array(4_194_305), size: 4, method: 8 }),
      ],
      ['a main type of another namespace', typed(decoyed('<q:Override xmlns:q="urn:q" '))],
      [
        'a main type in a root of another namespace',
        typed(decoyed('<q:Types xmlns:q="urn:q"><q:Override ', '/></q:Types>')),
      ],
      ['a main type of another default namespace', typed(decoyed('<Override xmlns="urn:q" '))],
      [
        'a padded declaration',
        word(packed('word/_rels/x.rels', `<?xml version="1.0"${' '.repeat(1100)}encoding="UTF-7"?><a/>`)),
      ],
    ] as const
  ).map(([name, bytes]): Sample => [`a Word document with ${name}`, docxType, bytes, 'archive_unsafe']),
  ['a linked workbook', docxType, linked('externalLinkPath', 'https://a/x.xlsx', 'External'), null],
  ['an encrypted entry', docxType, word({ name: 'x', content, flags: 1 }), 'encrypted'],
  ['a Word document with a password', docxType, cfb('EncryptedPackage'), 'encrypted'],
  ['an encrypted archive', zipType, zip([{ name: 'x', content, flags: 1 }]), 'encrypted'],
  ...(
    [
      ['a backslash', word(packed('word\\_rels\\x.rels', macros))],
      ['two names that differ in case', word({ name: 'WORD/document.xml', content })],
      ['a part in pieces', word({ name: 'word/_rels/x.rels/[0].piece', content })],
      ['a DTD', related('<!DOCTYPE x [<!ENTITY a "b">]>')],
      ['relationships in UTF-7', word(packed('x.rels', '<?xml version="1.0" encoding="UTF-7"?>+ADw-'))],
      ['relationships in EBCDIC', word({ name: 'x.rels', content: Uint8Array.fromHex('4c6fa79493') })],
      ['relationships in UTF-32', word({ name: 'x.rels', content: Uint8Array.fromHex('fffe00003c000000') })],
      ['relationships that are cut off', word(packed('x.rels', '<Relationship Type="'))],
      ['relationships that are larger than stated', word({ ...packed('x.rels', '<a/>'), size: 2 })],
      ['relationships that are smaller than stated', word({ ...packed('x.rels', '<a/>'), size: 9 })],
      [
        'two types of a part',
        typed(contentTypes(undefined, '<Override PartName="/word/document.xml" ContentType="x"/>')),
      ],
      ['another compression', word({ name: 'x', content, method: 12 })],
      ['fewer entries than stated', zip(docxParts, { end: { entryCount: 9 } })],
      ['more entries than stated', zip(docxParts, { end: { entryCount: 2 } })],
      ['a name that leads out', word({ name: '../x', content })],
      ['an absolute name', word({ name: '/x', content })],
      ['a symbolic link', word({ name: 'x', content: bytesOf('/etc/passwd'), mode: 0o120777 })],
      ['the same name twice', word({ name: 'word/document.xml', content })],
      ['an entry beyond the end', word({ name: 'x', content, compressedSize: 9e6, size: 9e6 })],
    ] as const
  ).map(([name, bytes]): Sample => [`a Word document with ${name}`, docxType, bytes, 'archive_unsafe']),
  ['half an archive', docxType, docx.slice(0, 100), 'damaged'],
  ['a Word document with bytes after it', docxType, zip(docxParts, { after: content }), 'damaged'],
  ['a Word document after bytes that no offset counts', docxType, join(content, docx), 'wrong_type'],
  ['a directory that is not there', docxType, zip(docxParts, { end: { offset: 9 } }), 'damaged'],
  [
    'an archive',
    zipType,
    zip([
      { name: 'a', content },
      { name: 'A', content, mode: 0o100644 },
    ]),
    null,
  ],
  ['an archive with a document in it', zipType, zip([{ name: 'x.docx', content: docx }]), null],
  ['a Word document as an archive', zipType, docx, null],
  ['an archive with a link', zipType, zip([{ name: 'a', content, mode: 0o120777 }]), 'archive_unsafe'],
  ['an archive that leads out by backslashes', zipType, zip([{ name: '..\\x', content }]), 'archive_unsafe'],
  [
    'an archive that leads out by its other name',
    zipType,
    zip([{ name: 'x', content, extra: join(numbers([2, 0x7075], [2, 9]), '\x01\0\0\0\0../y') }]),
    'archive_unsafe',
  ],
  ['an archive with a drive', zipType, zip([{ name: 'C:x', content }]), 'archive_unsafe'],
  ['a program as an archive', zipType, program, 'wrong_type'],
];

const storeOf = (file: Uint8Array<ArrayBuffer>, asked: number[] = []) => ({
  read: async (_: unknown, span: { offset: number; length: number } | null) => {
    asked.push(span?.length ?? file.byteLength);
    return new Blob([span ? file.subarray(span.offset, span.offset + span.length) : file]).stream();
  },
});
const inspect = (file: Uint8Array<ArrayBuffer>, contentType = docxType, asked: number[] = []) =>
  createContentInspector(storeOf(file, asked), () => new Date())(
    { key: 'a/k', etag: 'e', size: file.byteLength, contentType },
    () => new AbortController().signal,
  );

describe('the inspection of content', () => {
  // Proves ASVS 5.2.2; ASVS 5.2.3; ASVS 5.2.5; ASVS 5.3.3.
  it.each(samples)('content is judged by what common readers see in it: %s', async (_, type, bytes, flaw) => {
    expect(await inspect(bytes, type)).toBe(flaw);
  });
});

/** Deflated zeros: one mebibyte, repeated. */
const zeros = (mebibytes: number): ZipPart => {
  const pieces: Uint8Array[] = [];
  const deflate = new Deflate({ raw: true, level: 9 });
  deflate.onData = (piece) => void pieces.push(piece.slice());
  deflate.push(new Uint8Array(1_048_576), 3);
  const one = joined(pieces.splice(0));
  deflate.push(new Uint8Array(0), true);
  const body = joined([...Array.from({ length: mebibytes }, () => one), ...pieces]);
  return { name: 'word/zeros.bin', content: body, method: 8, size: mebibytes * 1_048_576, crc: 0 };
};
const many = (count: number, of: (at: number) => ZipPart) => Array.from({ length: count }, (_, at) => of(at));
const long = 'x'.repeat(4_100_000);
/** Entries that all begin where the first one does, and have its bytes. */
const sharing = (count: number) =>
  zip([
    { name: '_rels/x.rels', content: new Uint8Array(1_000_000), crc: 0 },
    ...many(count, (at) => ({ name: `_rels/${at}.rels`, compressedSize: 1_000_000, size: 10, offset: 0 })),
    ...docxParts,
  ]);

const heavy: readonly (readonly [string, Uint8Array<ArrayBuffer>, ContentFlaw | null, turns: number])[] = [
  [
    'a document that unpacks to 500 MB',
    word(zeros(480), { name: 'x', content: new Uint8Array(4_600_000), crc: 0 }),
    'archive_bomb',
    0,
  ],
  ['a document that unpacks to 190 MB', word(zeros(181)), null, 0],
  ['20,000 names', word(...many(20_000, (at) => ({ name: `${at}` }))), 'archive_bomb', 0],
  [
    '20,000 names that say they are three',
    zip([...docxParts, ...many(20_000, (at) => ({ name: `${at}` }))], { end: { entryCount: 3 } }),
    'archive_unsafe',
    0,
  ],
  [
    '4,990 parts of relationships',
    word(...many(4990, (at) => packed(`_rels/${at}.rels`, relationships('', '')))),
    null,
    90,
  ],
  ['an attribute of 4 MB', related(`<a b="${long}"/>`), null, 8],
  ['a type of 4 MB', related(`<a Type="${long}"/>`), 'archive_unsafe', 0],
  ['a name of 4 MB', related(`<${long}/>`), 'archive_unsafe', 0],
  ['a part of 4 MB of marks', related('<'.repeat(4_100_000)), 'archive_unsafe', 0],
  ['a part of 250,000 elements', related('<a/>'.repeat(249_900)), null, 60],
  ['a part of 4 MB of elements', related('<a/>'.repeat(1_000_000)), 'archive_unsafe', 60],
  ['a part of 4 MB of instructions', related('<??>'.repeat(1_000_000)), 'archive_unsafe', 60],
  ['a part of 4 MB of end tags', related('</>'.repeat(1_300_000)), 'archive_unsafe', 60],
  [
    'a hundred main parts',
    rooted(mainAt('word/document.xml').replace(/<Relationship .*\/>/, (one) => one.repeat(100))),
    'archive_unsafe',
    0,
  ],
  ['4,900 parts that share their bytes', sharing(4900), 'archive_bomb', 0],
  ['relationships of more than 4 MB', related(`${long}${long}`), 'archive_unsafe', 0],
];

describe('the work of an inspection', () => {
  it.each(heavy)('the inspection of %s asks for little and gives way', async (_, file, flaw, least) => {
    const asked: number[] = [];
    let isDone = false;
    let turns = 0;
    const inspecting = inspect(file, docxType, asked).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await scheduler.wait(0);
      turns++;
    }
    expect(await inspecting).toBe(flaw);
    expect(asked.length).toBeLessThan(12);
    expect(turns).toBeGreaterThanOrEqual(least);
  });

  it('an isolate inspects at most two files at once, and of one account one', async () => {
    let [open, most] = [0, 0];
    const slow = {
      read: async () => {
        most = Math.max(most, ++open);
        await scheduler.wait(5);
        open--;
        return new Blob([png]).stream();
      },
    };
    const one = createContentInspector(slow, () => new Date());
    const inspectOf = (owner: number) =>
      one(
        { key: `${owner}/k`, etag: 'e', size: png.byteLength, contentType: 'image/png' },
        () => new AbortController().signal,
      );
    await Promise.all(Array.from({ length: 8 }, (_, owner) => inspectOf(owner)));
    expect(most).toBe(2);
    most = 0;
    await Promise.all(Array.from({ length: 8 }, () => inspectOf(0)));
    expect(most).toBe(1);
  });

  it('an inspection ends with its job', async () => {
    const ended = AbortSignal.abort();
    const file = related('<a/>'.repeat(200_000));
    const object = { key: 'a/k', etag: 'e', size: file.byteLength, contentType: docxType };
    const inspecting = createContentInspector(storeOf(file), () => new Date())(object, () => ended);
    await expect(inspecting).rejects.toMatchObject({ code: 'timeout' });
  });
});

/** The bucket, with its calls counted. */
const countingBucket = () => {
  const asked = { head: 0, get: 0 };
  const UPLOADS = new Proxy(env.UPLOADS, {
    get: (target, name) => {
      const method = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...given: unknown[]) => {
        if (name === 'head' || name === 'get') asked[name]++;
        return Reflect.apply(method, target, given);
      };
    },
  });
  return { asked, UPLOADS, client: createUploader({ UPLOADS: UPLOADS as never }) };
};

describe('the confirmation of an upload', () => {
  it('a confirmation asks the row first, and the bucket once and only for the owner of a pending file', async () => {
    const { asked, client } = countingBucket();
    const [owner, stranger] = [await newAccount(client), await newAccount(client)];
    const ticket = await declare(client, owner.access_token, docx, {
      content_type: docxType,
      filename: 'x.docx',
    });
    await put(client, ticket, docx);
    const complete = (bearer: string, id = ticket.id) =>
      client('POST', `/uploads/${id}/complete`, { bearer });
    await expectProblem(await complete(stranger.access_token), 404, 'not_found');
    await expectProblem(await complete(owner.access_token, crypto.randomUUID()), 404, 'not_found');
    expect(asked).toEqual({ head: 0, get: 0 });
    for (let time = 0; time < 3; time++) {
      const response = await complete(owner.access_token);
      expect([response.status, response.headers.get('Retry-After')]).toEqual([202, '1']);
      expect(await response.json()).toMatchObject({ status: 'scanning' });
      expect(asked).toEqual({ head: 1, get: 0 });
    }
  });

  it('a file of the wrong content fails in the job with its reason, and its bytes go', async () => {
    const client = createUploader();
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer, pdf, { content_type: 'image/png', filename: 'x.png' });
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', inspected_at: null });
    await workOn(id);
    const shown = await (await client('GET', `/uploads/${id}`, { bearer })).json();
    expect(shown).toMatchObject({ status: 'failed', reason: 'wrong_type', detail: adviceOn('wrong_type') });
    await workOn(id);
    expect(await objectsOf(id)).toEqual([]);
    expect(await auditOf(id)).toEqual(['upload.created', 'upload.completed', 'upload.failed']);
    await expectProblem(await client('GET', `/uploads/${id}/download`, { bearer }), 409, 'upload_not_clean');
  });

  it('a file is inspected once, however often it is scanned, and one accepted before is inspected too', async () => {
    const { asked, UPLOADS, client } = countingBucket();
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer, png, { content_type: 'image/png', filename: 'x.png' });
    const away = { UPLOADS, UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: '127.0.0.1:9' };
    await workOn(id, away);
    expect(await rowOf(id)).toMatchObject({ status: 'scanning', inspected_at: expect.any(Date) });
    const once = asked.get;
    await makeDue(id);
    await workOn(id, away);
    expect(asked.get).toBe(once);
    await makeDue(id);
    await workOn(id);
    expect(await rowOf(id)).toMatchObject({ status: 'clean' });
    // As a version without inspections left it.
    await sql`update uploads set inspected_at = null where id = ${id}`;
    expect((await client('GET', `/uploads/${id}/download`, { bearer })).status).toBe(200);
  });

  it('a text is served as an attachment without a charset', async () => {
    const client = createUploader();
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer, bytesOf(page), {
      content_type: 'text/plain',
      filename: 'x.txt',
    });
    await workOn(id);
    const { headers } = await client('GET', `/uploads/${id}/download`, { bearer });
    expect(headers.get('Content-Type')).toBe('text/plain');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('Content-Disposition')).toMatch(/^attachment/);
    expect(headers.get('Content-Security-Policy')).toContain('sandbox');
  });
});
