import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findZipDirectory, inspectZip, zipTailBytes } from '../../src/domain/zip-archive.ts';
import { docxParts, type ZipPart, zip } from '../support/archives/zip.ts';

const inspect = (file: Uint8Array) => {
  const directory = findZipDirectory(file.subarray(-zipTailBytes), file.byteLength);
  if (!directory) throw new Error('no directory');
  return inspectZip(file.subarray(directory.offset, directory.offset + directory.length), directory);
};
const content = new Uint8Array(100);
const find = (file: Uint8Array) => findZipDirectory(file.subarray(-zipTailBytes), file.byteLength);

describe('an archive', () => {
  it('is known by the directory at its end, and lists its names', () => {
    const file = zip(docxParts);
    expect(find(file)).toMatchObject({ entryCount: 3, isWhole: true });
    expect(inspect(file)).toEqual({ names: ['[Content_Types].xml', '_rels/.rels', 'word/document.xml'] });
  });

  it('may have a comment, even one that looks like an end', () => {
    expect(find(zip(docxParts, { comment: 'x'.repeat(65_535) }))).toMatchObject({ isWhole: true });
    expect(find(zip(docxParts, { comment: 'PK\u0005\u0006 and so on, and on, and on' }))).toMatchObject({
      isWhole: true,
    });
  });

  it('is not the whole file when something stands before or behind it', () => {
    expect(find(zip(docxParts, { before: content }))).toMatchObject({ isWhole: false });
    expect(find(zip(docxParts, { after: content }))).toMatchObject({ isWhole: false });
  });

  it('is not seen in the four bytes alone', () => {
    expect(find(new TextEncoder().encode(`${'x'.repeat(200)}PK\u0005\u0006${'x'.repeat(200)}`))).toBeNull();
    expect(find(new Uint8Array(1000))).toBeNull();
    expect(find(new Uint8Array(3))).toBeNull();
  });

  it.each<[string, Partial<ZipPart>]>([
    ['leads out of it', { name: '../../etc/passwd' }],
    ['leads out of it, by backslashes', { name: 'a\\..\\..\\b' }],
    ['begins at the root', { name: '/etc/passwd' }],
    ['names a drive', { name: 'C:\\x' }],
    ['ends early', { name: 'word/document.xml\0.txt' }],
    ['is encrypted', { flags: 1 }],
    ['is packed in a way that no document is', { method: 14 }],
    ['has the name of another', { name: 'word/document.xml' }],
  ])('is unsafe when an entry %s', (_, given) => {
    expect(inspect(zip([...docxParts, { name: 'x', content, ...given }]))).toEqual({
      flaw: 'archive_unsafe',
    });
  });

  it('is unsafe when its directory is damaged, or counts wrong', () => {
    const file = zip(docxParts);
    const directory = find(file);
    if (!directory) throw new Error('no directory');
    const bytes = file.slice(directory.offset, directory.offset + directory.length);
    expect(inspectZip(bytes, { ...directory, entryCount: 2 })).toEqual({ flaw: 'archive_unsafe' });
    expect(inspectZip(bytes.subarray(0, -1), directory)).toEqual({ flaw: 'archive_unsafe' });
    bytes[46 + 19] = 0;
    expect(inspectZip(bytes, directory)).toEqual({ flaw: 'archive_unsafe' });
  });

  it('is a bomb when it unpacks to far more than it is', () => {
    const bomb = (size: number): ZipPart => ({ name: 'word/media/x', content, size, method: 8 });
    expect(inspect(zip([...docxParts, bomb(4_000_000_000)]))).toEqual({ flaw: 'archive_bomb' });
    expect(inspect(zip([...docxParts, bomb(10_000_000)]))).toHaveProperty('names');
  });

  it('is a bomb when its entries share their bytes', () => {
    const shared = [
      ...docxParts,
      { name: 'a', content },
      { name: 'b', compressedSize: 100, size: 100, offset: 120 },
    ];
    expect(inspect(zip(shared))).toEqual({ flaw: 'archive_bomb' });
  });

  it('may be any bytes: they are judged, and nothing is thrown', () => {
    const file = zip(docxParts);
    const changes = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(changes, (edits) => {
        const changed = file.slice();
        for (const [at, byte] of edits) changed[at] = byte;
        const directory = find(changed);
        if (directory)
          inspectZip(changed.subarray(directory.offset, directory.offset + directory.length), directory);
      }),
      { numRuns: 5000 },
    );
  });
});
