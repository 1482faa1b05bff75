import { describe, expect, it } from 'vitest';
import { beginsAsType, isRecognisable } from '../../src/platform/rules/detected-types.ts';
import {
  canonicalType,
  declaredOrNamedType,
  declaredType,
  fitsType,
  namedType,
} from '../../src/platform/rules/media-types.ts';

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const [excel, word] = ['application/vnd.ms-excel', 'application/msword'];

describe('a media type', () => {
  it.each([
    ['IMAGE/JPG', 'image/jpeg'],
    ['image/pjpeg', 'image/jpeg'],
    ['application/x-pdf; charset=binary', 'application/pdf'],
    ['image/heif', 'image/heic'],
    ['image/vnd.microsoft.icon', 'image/x-icon'],
    ['video/x-msvideo', 'video/vnd.avi'],
    ['video/avi', 'video/vnd.avi'],
    ['video/msvideo', 'video/vnd.avi'],
    ['audio/ogg; codecs=opus', 'audio/ogg'],
    ['application/x-zip-compressed', 'application/zip'],
    ['text/html; application/pdf', 'text/html'],
    ['Made/Up', 'made/up'],
  ])('%s is %s', (given, type) => expect(canonicalType(given)).toBe(type));

  it.each([
    ['application/pdf', 'x.pdf', 'application/pdf', 'application/pdf'],
    [excel, 'x.CSV', 'text/csv', 'text/csv'],
    [excel, 'x.tsv', 'text/plain', 'text/plain'],
    [excel, 'x.xls', 'text/plain', null],
    ['text/markdown', 'x.md', 'text/plain', 'text/plain'],
    ['text/csv', 'x.csv', 'text/plain', 'text/plain'],
    ['text/html', 'x.txt', 'text/plain', null],
    ['text/plain', 'x.csv', 'text/csv', null],
  ])('%s of %s where %s is allowed means %s', (given, name, allowed, type) =>
    expect(declaredType(given, name, [allowed])).toBe(type),
  );

  it.each([
    ['', 'x.PDF', 'application/pdf', 'application/pdf'],
    ['application/octet-stream', 'x.pdf', 'application/pdf', 'application/pdf'],
    ['application/octet-stream', 'x.exe', 'application/pdf', null],
    ['', 'IMG_0001', 'text/plain', null],
    ['text/html', 'x.pdf', 'application/pdf', null],
  ])('"%s" in the declaration of %s where %s is allowed means %s', (given, name, allowed, type) =>
    expect(declaredOrNamedType(given, name, [allowed])).toBe(type),
  );

  it.each([
    ['REPORT.PDF', 'application/pdf', true],
    ['report.pdf.exe', 'application/pdf', false],
    ['report', 'application/pdf', false],
    ['report. pdf', 'application/pdf', false],
    ...['jpg', 'jpeg', 'jpe', 'jfif', 'pjp', 'pjpeg'].map((end) => [`x.${end}`, 'image/jpeg', true] as const),
    ...['csv', 'md', 'log', 'tsv', 'markdown', 'rst', 'txt'].map(
      (end) => [`x.${end}`, 'text/plain', true] as const,
    ),
    ['README', 'text/plain', true],
    ['page.html', 'text/plain', false],
    ['x.doc', word, true],
    ['x.xls', word, false],
    ['clip.xyz', 'made/up', true],
    // Proves ASVS 5.2.2.
  ] as const)('the name %s fits the type %s: %s', (name, type, fits) =>
    expect(fitsType(name, type)).toBe(fits),
  );

  it('a type is configured by its name or by an ending', () => {
    expect(['JPG', 'csv', 'md', 'txt', 'image/jpg', 'made/up', 'exe', ''].map(namedType)).toEqual([
      'image/jpeg',
      'text/csv',
      'text/markdown',
      'text/plain',
      'image/jpeg',
      'made/up',
      null,
      null,
    ]);
  });
});

describe('the type of content', () => {
  const cfb = '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1';
  const ogg = `OggS\0\x02${'\0'.repeat(20)}\x01\x13OpusHead${'\0'.repeat(20)}`;
  it.each([
    // Their directories lie far behind these bytes.
    ['II*\0\xff\xff\xff\x7f', 'image/tiff'],
    ['MM\0*\x7f\xff\xff\xff', 'image/tiff'],
    [`II+\0\x08\0\0\0${'\xff'.repeat(8)}`, 'image/tiff'],
    [`MM\0+\0\x08\0\0${'\xff'.repeat(8)}`, 'image/tiff'],
    [cfb, word],
    [cfb, excel],
    [cfb, 'application/vnd.ms-powerpoint'],
    [ogg, 'audio/ogg'],
    ['\0\0\x01\0\x01\0', 'image/x-icon'],
    [`RIFF${'\0'.repeat(4)}AVI LIST`, 'video/vnd.avi'],
    ['\0\0\0\x18ftypmif1\0\0\0\0mif1heic', 'image/heic'],
    ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'image/heic'],
  ])('%j begins as %s, and as no other', async (content, type) => {
    expect(await beginsAsType(type, bytes(content))).toBe(true);
    expect(await beginsAsType(type, bytes(`x${content}`))).toBe(false);
    expect(await beginsAsType('image/gif', bytes(content))).toBe(false);
  });

  it('of a type that no content shows, this is known', () => {
    const types = [
      'application/pdf',
      'text/x-any',
      'image/heic',
      word,
      'audio/ogg',
      'video/vnd.avi',
      'font/woff2',
    ];
    expect(types.filter((type) => !isRecognisable(type))).toEqual([]);
    expect(['made/up', 'image/svg+xml', 'application/json'].filter(isRecognisable)).toEqual([]);
  });
});
