import { randomBytes } from 'node:crypto';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { join as joined, numbers, type ZipPart, zip } from '../../../test/support/files/zip.ts';
import { collect, run } from '../commands.ts';
import type { Made, Producer } from '../sample.ts';
import { docx, entry, officeRelations, relsXml, wordEntries } from './package.ts';

const mebibyte = 1_048_576;

/** A little noise and much silence, so that the ratio is one that pictures can have: 1 to 100. */
const wide = (mebibytes: number, noise: number): Uint8Array => {
  const content = Buffer.alloc(mebibytes * mebibyte);
  for (let at = 0; at < content.length; at += mebibyte) randomBytes(noise).copy(content, at);
  return content;
};

/** 5 MB that unpack to 500 MB, in entries that are each within a limit for one. */
export const bomb = (): Made => {
  const parts: ZipPart[] = [];
  for (let index = 0; index < 10; index++) parts.push(entry(`word/media/image${index}.bmp`, wide(48, 8800)));
  return docx('5 MB unpack to 500 MB', [...wordEntries(), ...parts]);
};

/** All of it in one entry that says it were short. */
const liar = (): Made => {
  const part = entry('word/media/image1.bmp', Buffer.alloc(300 * mebibyte));
  return docx('300 MB in an entry that claims 1,000 bytes', [...wordEntries(), { ...part, size: 1000 }]);
};

const localHeader = (name: string, crc: number, packed: number, size: number): Uint8Array =>
  joined([
    numbers([4, 0x04034b50], [2, 20], [2, 0], [2, 8], [4, 0], [4, crc], [4, packed], [4, size]),
    numbers([2, name.length], [2, 0]),
    Buffer.from(name),
  ]);

/**
 * Each entry quotes the header of the next one in a stored block and goes on with its packed bytes, so that all share
 * one kernel (David Fifield, "A better zip bomb", 2019).
 */
const nested = (count: number, kernelMebibytes: number): ZipPart[] => {
  const kernel = Buffer.alloc(kernelMebibytes * mebibyte);
  let content: Uint8Array = deflateRawSync(kernel, { level: constants.Z_BEST_COMPRESSION });
  const unpacked = [kernel];
  let size = kernel.length;
  const entries: { name: string; crc: number; size: number; packed: number; behind: Uint8Array }[] = [];
  for (let index = count; index > 0; index--) {
    const name = `word/media/${String(index).padStart(4, '0')}.bmp`;
    const crc = unpacked.reduce((sum, piece) => crc32(piece, sum), 0);
    entries.unshift({ name, crc, size, packed: content.length, behind: content });
    const header = Buffer.from(localHeader(name, crc, content.length, size));
    const block = numbers([2, header.length], [2, 0xffff - header.length]);
    content = joined([new Uint8Array([0]), block, header, content]);
    unpacked.unshift(header);
    size += header.length;
  }
  const step = 35 + (entries[0]?.name.length ?? 0);
  // The first entry lies in the archive, and the others inside it; empty ones at the end stand for their rows in the
  // directory.
  return entries.map(({ behind, packed, ...each }, index) => ({
    ...each,
    compressedSize: packed,
    method: 8,
    offset: index * step,
    content: index === 0 ? behind : new Uint8Array(),
  }));
};

const many = (count: number, name: (index: number) => string, content: string): ZipPart[] => {
  const each = entry('', content);
  return Array.from({ length: count }, (_, index) => ({ ...each, name: name(index) }));
};

const relations = relsXml(
  Array.from(
    { length: 150 },
    (_, index) =>
      `<Relationship Id="rId${index}" Type="${officeRelations}/image" Target="media/image${index}.png"/>`,
  ).join(''),
);

const bombs: Producer = {
  name: 'bombs',
  wanted: 'refused',
  make: async () => [
    bomb(),
    liar(),
    docx('40 nested entries share 10 MB', [...nested(40, 10), ...wordEntries()]),
    docx('20,000 entries', [...wordEntries(), ...many(20_000, (index) => `word/media/${index}.png`, '')]),
    docx('4,990 parts of relationships, 100 MB of XML', [
      ...wordEntries(),
      ...many(4990, (index) => `word/_rels/part${index}.xml.rels`, relations),
    ]),
    docx('relationships of 60 MB', [...wordEntries({ rels: relsXml(' '.repeat(60 * mebibyte)) })]),
    {
      title: '300 MB of zeros as ZIP',
      filename: 'zeros.zip',
      content: zip([entry('zeros.bin', Buffer.alloc(300 * mebibyte))]),
    },
  ],
};

const encrypted: Producer = {
  name: 'encrypted',
  wanted: 'refused',
  make: async (folder) => {
    const here = { cwd: folder, input: 'A text.\n' };
    await run('7z', ['a', '-tzip', '-psecret', '-mem=AES256', '-sia.txt', 'aes.zip'], here);
    await run('zip', ['-q', '-P', 'secret', 'classic.zip', '-'], here);
    return [
      ...(await collect(folder, { 'aes.zip': 'AES-256 by 7z', 'classic.zip': 'ZipCrypto by zip' })),
      docx('a docx with an entry marked as encrypted', [
        ...wordEntries(),
        { ...entry('word/media/image1.png', 'secret'), flags: 1 },
      ]),
    ];
  },
};

export const bombProducers: readonly Producer[] = [bombs, encrypted];
