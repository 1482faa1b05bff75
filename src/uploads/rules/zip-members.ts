import { latin1, viewOf } from '../../platform/rules/bytes.ts';
import type { ByteReader, GiveWay } from './byte-reader.ts';
import {
  deflated,
  descriptorFlag,
  extraField,
  localHeaderBytes,
  unicodePath,
  wideSizes,
  type ZipEntry,
  type ZipFlaw,
} from './zip-archive.ts';

const [localSignature, descriptorSignature] = [0x04034b50, 0x08074b50];
/** The level of compression: readers ignore it, and some writers set it in one place only. */
const effort = 0b110;

export type MemberFlaw = ZipFlaw | 'polyglot';

/** @returns the length of the header, or null where it contradicts the directory */
const readHeader = async (bytes: ByteReader, entry: ZipEntry): Promise<number | null> => {
  const header = await bytes.take(localHeaderBytes);
  const view = header && viewOf(header);
  if (view?.getUint32(0, true) !== localSignature) return null;
  const [nameLength, extraLength] = [view.getUint16(26, true), view.getUint16(28, true)];
  const [crc, compressed, whole] = [14, 18, 22].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  const flags = view.getUint16(6, true);
  const method = view.getUint16(8, true);

  const name = await bytes.take(nameLength);
  const extra = await bytes.take(extraLength);
  if (!name || !extra || latin1.decode(name) !== entry.name || extraField(extra, unicodePath)) return null;
  if (((flags ^ entry.flags) & ~effort) !== 0 || method !== entry.method) return null;

  const [size, compressedSize] = wideSizes(extra, [whole, compressed]);
  // A value that the writer did not know yet is zero, and follows after the data (section 4.4.4).
  const isTrue = (said: number, known: number) =>
    said === known || (said === 0 && (flags & descriptorFlag) !== 0);
  const agrees =
    isTrue(crc, entry.crc) && isTrue(size, entry.size) && isTrue(compressedSize, entry.compressedSize);
  return agrees ? localHeaderBytes + nameLength + extraLength : null;
};

/** Section 4.3.9: with or without a signature, in numbers of four bytes or eight. */
const isDescriptorOf = (descriptor: Uint8Array, { crc, compressedSize, size }: ZipEntry): boolean => {
  const view = viewOf(descriptor);
  const isSigned = view.byteLength % 8 === 0;
  if (isSigned && view.getUint32(0, true) !== descriptorSignature) return false;
  const at = isSigned ? 4 : 0;
  const read = (index: number) =>
    view.byteLength - at === 12
      ? view.getUint32(at + 4 + index * 4, true)
      : Number(view.getBigUint64(at + 4 + index * 8, true));
  return view.getUint32(at, true) === crc && read(0) === compressedSize && read(1) === size;
};

/** Unpacks data piece by piece, never more at once than a Worker can hold. */
export type Inflater = {
  push(packed: Uint8Array): Iterable<Uint8Array>;
  /** Whether the data were sound and have ended, with nothing after the end. */
  isDone(): boolean;
};

const storedData = (): Inflater => ({ push: (packed) => [packed], isDone: () => true });

/** How a member is unpacked, and how other requests get the thread meanwhile. */
export type Unpacking = {
  readonly createInflater: () => Inflater;
  readonly giveWay: GiveWay;
};

type Unpacked = { readonly flaw: MemberFlaw } | { readonly content: Blob };

/**
 * What costs more than its bytes, as bytes of plain work: a decompressor with its tables for each entry, and up to a
 * kilobyte of packed data per piece, which may describe nothing but tables.
 */
const [entryCost, pieceCost] = [65_536, 32_768];

/** @param keeps whether the content is returned, or only its length checked */
const readData = async (
  bytes: ByteReader,
  entry: ZipEntry,
  { createInflater, giveWay }: Unpacking,
  keeps: boolean,
): Promise<Unpacked> => {
  const inflater = entry.method === deflated ? createInflater() : storedData();
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  await giveWay(entryCost);
  for await (const packed of bytes.pieces(entry.compressedSize)) {
    for (const piece of inflater.push(packed)) {
      size += piece.byteLength;
      if (size > entry.size) return { flaw: 'archive_bomb' };
      if (keeps) kept.push(piece.slice());
      if (entry.method === deflated) await giveWay(piece.byteLength + pieceCost);
    }
  }
  return inflater.isDone() && size === entry.size ? { content: new Blob(kept) } : { flaw: 'archive_unsafe' };
};

/** More than the wanted part can need. */
const keptBytes = 1_048_576;

/**
 * Reads an archive from its beginning, as some readers do, and compares it with its directory: each header, the data
 * of each entry to their end, and no byte that belongs to no entry.
 * @param bytes the file from its first byte
 * @param entries as `inspectZip` returns them
 * @param end where the directory begins
 * @param wanted the name of the entry whose content is returned; null where there is none
 */
export const readZipMembers = async (
  bytes: ByteReader,
  entries: readonly ZipEntry[],
  end: number,
  wanted: string,
  unpacking: Unpacking,
): Promise<{ readonly flaw: MemberFlaw } | { readonly content: Uint8Array | null }> => {
  let content: Uint8Array | null = null;
  let position = 0;
  for (const [index, entry] of entries.entries()) {
    if (entry.offset !== position) return { flaw: 'polyglot' };
    const headerLength = await readHeader(bytes, entry);
    if (headerLength === null) return { flaw: 'archive_unsafe' };

    position = entries[index + 1]?.offset ?? end;
    const trailing = position - (entry.offset + headerLength + entry.compressedSize);
    const lengths = (entry.flags & descriptorFlag) === 0 ? [0] : [12, 16, 20, 24];
    if (!lengths.includes(trailing)) return { flaw: trailing < 0 ? 'archive_unsafe' : 'polyglot' };

    const isWanted = entry.name === wanted;
    if (isWanted && entry.size > keptBytes) return { flaw: 'archive_unsafe' };
    const data = await readData(bytes, entry, unpacking, isWanted);
    if ('flaw' in data) return data;
    if (isWanted) content = new Uint8Array(await data.content.arrayBuffer());

    const descriptor = await bytes.take(trailing);
    if (!descriptor || (trailing > 0 && !isDescriptorOf(descriptor, entry)))
      return { flaw: 'archive_unsafe' };
  }
  return position === end ? { content } : { flaw: 'polyglot' };
};
