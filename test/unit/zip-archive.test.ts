import fc from 'fast-check';
import { deflateRaw } from 'pako';
import { describe, expect, it } from 'vitest';
import { createInflater } from '../../src/uploads/inflater.ts';
import { createByteReader } from '../../src/uploads/rules/byte-reader.ts';
import {
  endsAsZip,
  findZipDirectory,
  inspectZip,
  zipTailBytes,
} from '../../src/uploads/rules/zip-archive.ts';
import { readZipMembers } from '../../src/uploads/rules/zip-members.ts';
import {
  descriptorOf,
  docxParts,
  join,
  numbers,
  packed,
  streamed,
  type ZipPart,
  zip,
} from '../support/files/zip.ts';

const giveWay = async () => {};
/** DEFLATE blocks without content, the last one marked as such. */
const emptyBlocks = (count: number) =>
  join(Array.from({ length: count }, (_, n) => Uint8Array.of(n === count - 1 ? 1 : 0, 0, 0, 255, 255)));
const unpacking = { createInflater, giveWay };
const tailOf = (file: Uint8Array) => file.subarray(-zipTailBytes);
const find = (file: Uint8Array) => findZipDirectory(tailOf(file), file.byteLength);
const ends = (file: Uint8Array) => endsAsZip(tailOf(file), file.byteLength);

async function* cut(file: Uint8Array, step: number) {
  for (let at = 0; at < file.byteLength; at += step) yield file.subarray(at, at + step);
}

/** The flaw of an archive, or the names in it. */
const inspect = async (file: Uint8Array, step = file.byteLength) => {
  const directory = find(file);
  if (!directory) return 'no directory';
  const { offset, length } = directory;
  const listed = inspectZip(file.subarray(offset, offset + length), directory);
  if ('flaw' in listed) return listed.flaw;
  const bytes = createByteReader(cut(file, step));
  const members = await readZipMembers(bytes, listed.entries, offset, 'wanted', unpacking);
  return 'flaw' in members ? members.flaw : listed.entries.map(({ name }) => name);
};

const content = new TextEncoder().encode('0123456789'.repeat(10));
const names = [...docxParts.map(({ name }) => name), 'x'];
const word = (part: Partial<ZipPart> = {}, options: Parameters<typeof zip>[1] = {}) =>
  zip([...docxParts, { name: 'x', content, ...part }], options);
const deflated = packed('x', 'y'.repeat(1000));
const wideExtra = (...values: number[]) =>
  numbers([2, 1], [2, values.length * 8], ...values.map((value) => [8, value] as const));

describe('a sound archive', () => {
  const all32 = { size: 0xffffffff, compressedSize: 0xffffffff };
  const { size, content: packedContent = new Uint8Array() } = deflated;

  it.each<[string, Uint8Array]>([
    ['with stored data', word()],
    ['with deflated data', word(deflated)],
    ['with empty entries', zip([...docxParts, { name: 'x' }])],
    ['streamed, with descriptors', word(streamed(deflated))],
    [
      'with descriptors without a signature',
      word(streamed(deflated, descriptorOf(deflated, { isSigned: false }))),
    ],
    [
      'with wide descriptors and wide sizes that are not known yet',
      word({
        ...streamed(deflated, descriptorOf(deflated, { bytes: 8 })),
        local: { ...all32, crc: 0, extra: wideExtra(0, 0) },
      }),
    ],
    [
      'with wide sizes where they are not needed',
      word({ ...deflated, local: { ...all32, extra: wideExtra(size, packedContent.length) } }),
    ],
    ['with padding in a header', word({ local: { extra: numbers([2, 0xa220], [2, 4], [4, 0]) } })],
    ['with padding that is no field', word({ local: { extra: new Uint8Array(3) } })],
    ['whose headers differ in the level of compression', word({ ...deflated, local: { flags: 0b110 } })],
    ['with an end in ZIP64', word({}, { isWide: true })],
  ])('a sound archive %s is read across all cuts', async (_, file) => {
    for (const step of [1, 7, 64, file.byteLength]) expect(await inspect(file, step)).toEqual(names);
  });

  it('a sound archive yields the wanted part', async () => {
    for (const part of [
      packed('wanted', 'text'),
      { name: 'wanted', content: new TextEncoder().encode('text') },
    ]) {
      const file = zip([...docxParts, part]);
      const directory = find(file);
      if (!directory) throw new Error('no directory');
      const listed = inspectZip(file.subarray(directory.offset, -22), directory);
      if ('flaw' in listed) throw new Error(listed.flaw);
      const bytes = createByteReader(cut(file, 5));
      const members = await readZipMembers(bytes, listed.entries, directory.offset, 'wanted', unpacking);
      expect(members).toEqual({ content: new TextEncoder().encode('text') });
    }
  });

  it('a sound archive may list its entries in any order', async () => {
    const [one, other] = [
      { name: 'a', content, offset: 0 },
      { name: 'b', content },
    ] as const;
    const file = zip([one, other]);
    const [, first, second] = [0, 46 + 1, 2 * (46 + 1)];
    const directory = find(file)?.offset ?? 0;
    const swapped = file.slice();
    swapped.set(file.subarray(directory + first, directory + second), directory);
    swapped.set(file.subarray(directory, directory + first), directory + first);
    expect(await inspect(swapped)).toEqual(['a', 'b']);
  });
});

describe('the end of an archive', () => {
  it('the end of an archive is found with any bytes before and after it', () => {
    for (const file of [
      word(),
      word({}, { comment: 'x'.repeat(65_535) }),
      word({}, { before: content }),
      word({}, { after: content }),
      word({}, { isWide: true, after: content }),
    ])
      expect(ends(file)).toBe(true);
  });

  it('the four bytes of the signature alone are not the end of an archive', () => {
    expect(ends(new TextEncoder().encode(`${'x'.repeat(200)}PK\u0005\u0006${'x'.repeat(200)}`))).toBe(false);
    expect(ends(new Uint8Array(1000))).toBe(false);
    expect(ends(new Uint8Array(3))).toBe(false);
  });

  it.each<[string, Uint8Array]>([
    ['something stands before it', word({}, { before: content })],
    ['something stands after it', word({}, { after: content })],
    ['it has a comment', word({}, { comment: 'x' })],
    ['its comment is an archive', word({}, { comment: new TextDecoder('latin1').decode(word()) })],
    ['its directory is said to be elsewhere', word({}, { end: { offset: 3 } })],
    ['its directory is said to be shorter', word({}, { end: { length: 3 } })],
    ['it is cut off', word().subarray(0, -1)],
    ['it is cut off in its comment', word({}, { comment: 'xyz' }).subarray(0, -3)],
    ['it ends in ZIP64 and something follows', word({}, { isWide: true, after: content })],
    ['its two ends contradict each other', contradiction()],
  ])('an archive has no valid end when %s', (_, file) => {
    expect(find(file)).toBeNull();
  });

  /** The short end counts one entry less than the wide one. */
  function contradiction() {
    const file = word({}, { isWide: true });
    new DataView(file.buffer).setUint16(file.length - 12, 3, true);
    new DataView(file.buffer).setUint16(file.length - 14, 3, true);
    return file;
  }
});

describe('an archive is unsafe', () => {
  const secondName = numbers([2, 0x7075], [2, 5], [4, 1], [2, 0]);

  it.each<[string, Partial<ZipPart>]>([
    ['leads out of it', { name: '../../etc/passwd' }],
    ['stays where it is', { name: 'a/./b' }],
    ['has a backslash', { name: 'a\\b' }],
    ['begins at the root', { name: '/etc/passwd' }],
    ['names a drive', { name: 'C:x' }],
    ['ends early', { name: 'word/document.xml\0.txt' }],
    ['has no name', { name: '' }],
    ['has the name of another', { name: 'word/document.xml' }],
    ['has the name of another, but for case', { name: 'Word/DOCUMENT.xml' }],
    ['has a second name', { extra: secondName, local: { extra: new Uint8Array() } }],
    ['has a second name in its header', { local: { extra: secondName } }],
    ['is encrypted', { flags: 1 }],
    ['is masked', { flags: 1 << 13 }],
    ['is a patch', { flags: 1 << 5 }],
    ['is packed by a method that no document uses', { method: 14 }],
    ['is stored in two lengths', { size: 99 }],
    ['is stored, and its length follows', streamed({ name: 'x', content })],
    ['has another name in its header', { local: { name: '../../etc/passwd' } }],
    ['is encrypted in its header alone', { local: { flags: 1 } }],
    ['has its name in UTF-8 in its header alone', { local: { flags: 1 << 11 } }],
    ['is packed in another way in its header', { local: { method: 8 } }],
    ['has another size in its header', { local: { size: 3 } }],
    ['has another packed size in its header', { local: { compressedSize: 3 } }],
    ['has another checksum in its header', { local: { crc: 3 } }],
    ['has no size in its header, and none after it', { local: { size: 0, compressedSize: 0, crc: 0 } }],
    ['has a descriptor of other sizes', streamed(deflated, descriptorOf({ ...deflated, size: 3 }))],
    [
      'has a descriptor of other packed sizes',
      streamed(deflated, descriptorOf({ ...deflated, compressedSize: 3 })),
    ],
    ['has a descriptor of another checksum', streamed(deflated, descriptorOf({ ...deflated, crc: 3 }))],
    [
      'has a descriptor with another signature',
      streamed(deflated, join([numbers([4, 3]), descriptorOf(deflated, { isSigned: false })])),
    ],
    ['is damaged', { ...deflated, content: new Uint8Array(10).fill(255) }],
    ['is cut off', { ...deflated, content: deflated.content?.subarray(0, -1) ?? content }],
    ['continues after its end', { ...deflated, content: join([deflated.content ?? content, content]) }],
    ['unpacks to less than it says', { ...deflated, size: 1001 }],
    // Proves ASVS 5.3.3.
  ])('an archive is unsafe when an entry %s', async (_, given) => {
    expect(await inspect(word(given))).toBe('archive_unsafe');
  });

  it('an archive is unsafe when its directory is damaged or counts wrong', async () => {
    const file = word();
    const directory = find(file);
    if (!directory) throw new Error('no directory');
    expect(await inspect(word({}, { end: { entryCount: 3 } }))).toBe('archive_unsafe');
    const bytes = file.slice(directory.offset, directory.offset + directory.length);
    expect(inspectZip(bytes.subarray(0, -1), directory)).toEqual({ flaw: 'archive_unsafe' });
  });

  it('an archive is unsafe when the wanted part is too big to be held', async () => {
    expect(await inspect(word(packed('wanted', 'x'.repeat(1_048_577))))).toBe('archive_unsafe');
  });
});

describe('an archive shares its file', () => {
  const hidden: ZipPart = { name: '../evil', content, isHidden: true };

  it.each<[string, Uint8Array]>([
    ['with an entry that only its header knows', zip([...docxParts, hidden, { name: 'x' }])],
    ['with a hidden entry before the others', zip([hidden, ...docxParts])],
    ['with a hidden entry after the others', zip([...docxParts, hidden])],
    ['with a hidden entry alone', zip([hidden])],
    ['with bytes between its entries', word({ behind: content })],
    ['with bytes between its entries and the directory', word({}, { between: content })],
    ['with more than a descriptor', word(streamed(deflated, join([descriptorOf(deflated), content])))],
    ['with bytes where a descriptor would be', word({ behind: descriptorOf({ name: 'x', content }) })],
  ])('an archive shares its file %s', async (_, file) => {
    expect(await inspect(file)).toBe('polyglot');
  });
});

describe('an archive is a bomb', () => {
  // Proves ASVS 5.2.3.
  it('an archive that unpacks to far more than its size is a bomb', async () => {
    expect(await inspect(word({ ...deflated, size: 4_000_000_000 }))).toBe('archive_bomb');
    expect(await inspect(word(packed('x', '0'.repeat(9_000_000))))).toEqual(names);
    expect(await inspect(word(packed('x', '0'.repeat(11_000_000))))).toBe('archive_bomb');
  });

  it('an archive that unpacks to more than it says is a bomb, and is not unpacked further', async () => {
    const zeros = deflateRaw(new Uint8Array(50_000_000));
    let unpacked = 0;
    const file = word({ content: zeros, method: 8, size: 1000 });
    const directory = find(file);
    if (!directory) throw new Error('no directory');
    const listed = inspectZip(file.subarray(directory.offset, -22), directory);
    if ('flaw' in listed) throw new Error(listed.flaw);
    const counting = () => {
      const inflater = createInflater();
      return {
        ...inflater,
        *push(piece: Uint8Array) {
          for (const part of inflater.push(piece)) {
            unpacked += part.byteLength;
            yield part;
          }
        },
      };
    };
    const bytes = createByteReader(cut(file, 65_536));
    expect(
      await readZipMembers(bytes, listed.entries, directory.offset, 'wanted', {
        createInflater: counting,
        giveWay,
      }),
    ).toEqual({
      flaw: 'archive_bomb',
    });
    expect(unpacked).toBeLessThan(200_000);
  });

  it.each([
    ['many entries with one byte', Array.from({ length: 1000 }, (_, n) => packed(`e${n}`, 'x')), 60_000_000],
    // Each block says nothing but "empty", and costs a decompressor the set-up of its tables.
    [
      'many empty blocks',
      [{ name: 'blocks', content: emptyBlocks(100_000), method: 8, size: 0 }],
      15_000_000,
    ],
  ])('an archive of %s counts as more work than its bytes', async (_, parts, least) => {
    let work = 0;
    const file = zip(parts);
    const directory = find(file);
    if (!directory) throw new Error('no directory');
    const listed = inspectZip(file.subarray(directory.offset, -22), directory);
    if ('flaw' in listed) throw new Error(listed.flaw);
    const counting = async (bytes: number) => {
      work += bytes;
    };
    const bytes = createByteReader(cut(file, 65_536));
    await readZipMembers(bytes, listed.entries, directory.offset, '', { createInflater, giveWay: counting });
    expect(work).toBeGreaterThan(least);
  });

  it('an archive that is a bomb is never held unpacked', () => {
    const zeros = deflateRaw(new Uint8Array(50_000_000));
    const before = process.memoryUsage().arrayBuffers;
    const pieces = createInflater().push(zeros)[Symbol.iterator]();
    expect(pieces.next().value?.byteLength).toBeGreaterThan(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16_000_000);
  });

  // Proves ASVS 5.2.3.
  it('an archive whose entries share their bytes is a bomb', async () => {
    const shared = [
      { name: 'a', content },
      { name: 'b', compressedSize: 100, size: 100, offset: 3 },
    ];
    expect(await inspect(zip(shared))).toBe('archive_bomb');
  });
});

it('an inspection of arbitrary bytes never throws', async () => {
  const file = zip([...docxParts, streamed(deflated)]);
  const changes = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(changes, async (edits) => {
      const changed = file.slice();
      for (const [at, byte] of edits) changed[at] = byte;
      ends(changed);
      await inspect(changed);
    }),
    { numRuns: 3000 },
  );
});
