import { latin1, viewOf } from '../../platform/rules/bytes.ts';
import { extraField, unicodePath, wideSizes } from './zip-extra.ts';

/** Where an archive keeps its table of contents (APPNOTE.TXT 6.3.10, section 4.3.16). */
export type ZipDirectory = { readonly offset: number; readonly length: number; readonly entryCount: number };

/** What the directory says of an entry. `name` has one character for each byte. */
export type ZipEntry = {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
};

export type ZipFlaw = 'archive_unsafe' | 'archive_bomb';

const [endSignature, entrySignature] = [0x06054b50, 0x02014b50];
const [end64Signature, locatorSignature] = [0x06064b50, 0x07064b50];
const [endBytes, end64Bytes, locatorBytes] = [22, 56, 20];

/** The end record and the longest comment behind it: so much of a file's end says whether it can be read as a ZIP. */
export const zipTailBytes = endBytes + 65_535;

/** More than any office document needs, and what a Worker holds at once. */
const maxDirectoryBytes = 1_048_576;

const stored = 0;
export const deflated = 8;
export const localHeaderBytes = 30;

export const beginsAsZip = ([p, k, three, four]: Uint8Array): boolean =>
  p === 0x50 && k === 0x4b && three === 0x03 && four === 0x04;

/**
 * Whether some reader would find an archive here: they look for its end from the file's end backwards.
 * @param tail the last bytes of the file, at least `zipTailBytes` of them if it has as many
 */
export const endsAsZip = (tail: Uint8Array, fileSize: number): boolean => {
  const view = viewOf(tail);
  for (let at = tail.byteLength - endBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    if (at >= locatorBytes && view.getUint32(at - locatorBytes, true) === locatorSignature) return true;
    const [entryCount, length] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true)];
    // In front of it lies the directory, or the chance occurrence of four bytes; an empty archive has none.
    if (length > fileSize - tail.byteLength + at || (length === 0 && entryCount > 0)) continue;
    const start = at - length;
    if (start < 0 || length < 46 || view.getUint32(start, true) === entrySignature) return true;
  }
  return false;
};

/** The record of ZIP64 and its locator (sections 4.3.14 and 4.3.15), which may repeat what the end record says. */
const readEnd64 = (view: DataView, at: number, recordOffset: number): ZipDirectory | null => {
  const locator = at + end64Bytes;
  const isOne =
    at >= 0 &&
    view.getUint32(at, true) === end64Signature &&
    view.getBigUint64(at + 4, true) === BigInt(end64Bytes - 12) &&
    view.getBigUint64(at + 16, true) === 0n &&
    view.getBigUint64(at + 24, true) === view.getBigUint64(at + 32, true) &&
    view.getUint32(locator + 4, true) === 0 &&
    view.getBigUint64(locator + 8, true) === BigInt(recordOffset) &&
    view.getUint32(locator + 16, true) === 1;
  if (!isOne) return null;
  const [entryCount, length, offset] = [32, 40, 48].map((field) =>
    Number(view.getBigUint64(at + field, true)),
  );
  return { entryCount, length, offset } as ZipDirectory;
};

/**
 * The directory of an archive that is the whole file: nothing behind its end, not even a comment, which office
 * programs write none of and which can hold another file, and nothing between directory and end.
 * @param tail as for `endsAsZip`
 * @returns null where it is none, or could be read in two ways
 */
export const findZipDirectory = (tail: Uint8Array, fileSize: number): ZipDirectory | null => {
  const view = viewOf(tail);
  const at = tail.byteLength - endBytes;
  if (at < 0 || view.getUint32(at, true) !== endSignature) return null;
  const hasLocator = at >= locatorBytes && view.getUint32(at - locatorBytes, true) === locatorSignature;
  // ZIP64 says it instead where the short record has nothing but ones.
  const isSaid = (said: number, known: number, ones: number) =>
    said === known || (hasLocator && said === ones);
  const disks = view.getUint32(at + 4, true);
  const entryCount = view.getUint16(at + 10, true);
  const commentLength = view.getUint16(at + 20, true);
  if (!isSaid(disks, 0, 0xffffffff) || commentLength !== 0 || view.getUint16(at + 8, true) !== entryCount)
    return null;
  const short = { entryCount, length: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) };

  const end = fileSize - endBytes - (hasLocator ? end64Bytes + locatorBytes : 0);
  const directory = hasLocator ? readEnd64(view, at - locatorBytes - end64Bytes, end) : short;
  if (!directory || directory.offset + directory.length !== end) return null;
  const agrees =
    isSaid(short.entryCount, directory.entryCount, 0xffff) &&
    isSaid(short.length, directory.length, 0xffffffff) &&
    isSaid(short.offset, directory.offset, 0xffffffff);
  return agrees ? directory : null;
};

/** Whether the table of contents is small enough to be read at once. */
export const isReadable = ({ length }: ZipDirectory): boolean => length <= maxDirectoryBytes;

const readEntries = (directory: Uint8Array, atMost: number): ZipEntry[] | null => {
  const view = viewOf(directory);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at < directory.byteLength) {
    if (entries.length === atMost) return null;
    if (at + 46 > directory.byteLength || view.getUint32(at, true) !== entrySignature) return null;
    const extraAt = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = extraAt + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > directory.byteLength) return null;
    const extra = directory.subarray(extraAt, extraEnd);
    const [size, compressedSize, offset] = wideSizes(extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    // The number of the disk, and another name for readers that know the field.
    if (view.getUint16(at + 34, true) !== 0 || extraField(extra, unicodePath)) return null;
    entries.push({
      name: latin1.decode(directory.subarray(at + 46, extraAt)),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      compressedSize,
      size,
      offset,
    });
    at = next;
  }
  return entries;
};

/** More than the largest documents have and unpack to; each costs time, whatever the file is. */
const maxEntries = 5000;
const maxUnpackedBytes = 200_000_000;

/** What DEFLATE cannot exceed is about 1032:1; office documents stay below 50:1 as a whole. */
const maxRatio = 100;
const harmlessBytes = 10_485_760;

/** Entries that share bytes unfold to far more than their ratios say (Fifield, A better zip bomb, WOOT 2019). */
const overlap = (entries: readonly ZipEntry[], directoryOffset: number): boolean =>
  entries.some(({ offset, name, compressedSize }, index) => {
    const end = offset + localHeaderBytes + name.length + compressedSize;
    return end > (entries[index + 1]?.offset ?? directoryOffset);
  });

/** Names that lead out of the archive, or that two systems read differently. */
const isUnsafeName = (name: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /^$|^\/|^[A-Za-z]:|(?:^|\/)\.\.?(?:\/|$)|[\\\0-\x1f\x7f]/.test(name);

export const descriptorFlag = 0b1000;
/** A descriptor, a name in UTF-8, and how hard it was tried to compress: not encrypted, patched or masked. */
const harmlessFlags = 0b1000_0000_1110;

/** Stored data whose length follows behind them end where a reader from the beginning believes: nobody can be sure. */
const isUnsafeEntry = ({ name, flags, method, size, compressedSize }: ZipEntry): boolean =>
  isUnsafeName(name) ||
  (flags & ~harmlessFlags) !== 0 ||
  (method !== deflated && method !== stored) ||
  (method === stored && (size !== compressedSize || (size > 0 && (flags & descriptorFlag) !== 0)));

/**
 * What is wrong with an archive by its table of contents, or its entries in the order of their bytes. Whether the rest
 * of the file agrees, `readZipMembers` tells.
 */
export const inspectZip = (
  directory: Uint8Array,
  { offset, entryCount }: ZipDirectory,
): { readonly flaw: ZipFlaw } | { readonly entries: readonly ZipEntry[] } => {
  if (entryCount > maxEntries) return { flaw: 'archive_bomb' };
  const entries = readEntries(directory, entryCount)?.toSorted((one, other) => one.offset - other.offset);
  if (entries?.length !== entryCount || entries.some(isUnsafeEntry)) return { flaw: 'archive_unsafe' };
  // Names of parts are the same when they differ in case alone (ECMA-376 part 2, section 6.3), as on many disks.
  const names = new Set(entries.map(({ name }) => name.toLowerCase()));
  if (names.size !== entries.length) return { flaw: 'archive_unsafe' };

  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  const compressed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  const expands = size > harmlessBytes && size > compressed * maxRatio;
  return expands || size > maxUnpackedBytes || overlap(entries, offset)
    ? { flaw: 'archive_bomb' }
    : { entries };
};
