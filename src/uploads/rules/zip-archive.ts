import { latin1, viewOf } from '../../platform/rules/bytes.ts';

/** Where an archive keeps its table of contents (APPNOTE.TXT 6.3.10, section 4.3.16). */
export type ZipDirectory = { readonly offset: number; readonly length: number; readonly entryCount: number };

/** An entry as the directory describes it. `name` has one character for each byte. */
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

/** The end record and the longest comment after it: this much of a file's end shows whether it can be read as a ZIP. */
export const zipTailBytes = endBytes + 65_535;

/** More than any office document needs; a Worker holds this much at once. */
const maxDirectoryBytes = 1_048_576;

const stored = 0;
export const deflated = 8;
export const localHeaderBytes = 30;

export const beginsAsZip = ([p, k, three, four]: Uint8Array): boolean =>
  p === 0x50 && k === 0x4b && three === 0x03 && four === 0x04;

/**
 * Whether a reader would find an archive here. Readers search backwards from the end of the file.
 * @param tail the last `zipTailBytes` of the file, or more, or the whole file
 */
export const endsAsZip = (tail: Uint8Array, fileSize: number): boolean => {
  const view = viewOf(tail);
  for (let at = tail.byteLength - endBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    if (at >= locatorBytes && view.getUint32(at - locatorBytes, true) === locatorSignature) return true;
    const [entryCount, length] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true)];
    // The directory lies before it, unless the four bytes are there by chance; an empty archive has no directory.
    if (length > fileSize - tail.byteLength + at || (length === 0 && entryCount > 0)) continue;
    const start = at - length;
    if (start < 0 || length < 46 || view.getUint32(start, true) === entrySignature) return true;
  }
  return false;
};

/** The record of ZIP64 and its locator (sections 4.3.14 and 4.3.15), which may repeat the end record. */
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
 * The directory of an archive that fills the whole file: with nothing between the directory and the end record, and
 * without a comment, which could hold another file and which office programs do not write.
 * @param tail as for `endsAsZip`
 * @returns null where there is none, or it could be read in two ways
 */
export const findZipDirectory = (tail: Uint8Array, fileSize: number): ZipDirectory | null => {
  const view = viewOf(tail);
  const at = tail.byteLength - endBytes;
  if (at < 0 || view.getUint32(at, true) !== endSignature) return null;
  const hasLocator = at >= locatorBytes && view.getUint32(at - locatorBytes, true) === locatorSignature;
  // Where the short record is all ones, ZIP64 has the value.
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

/** Whether the directory is small enough to be read at once. */
export const isReadable = ({ length }: ZipDirectory): boolean => length <= maxDirectoryBytes;

/** Extra fields of a ZIP's headers (APPNOTE.TXT 6.3.10, section 4.5): wide sizes, and another name. */
const zip64 = 0x0001;
export const unicodePath = 0x7075;

/** @returns the content of the first field of that id; padding ends the search */
export const extraField = (extra: Uint8Array, id: number): DataView | null => {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = view.getUint16(at + 2, true);
    const end = at + 4 + length;
    if (end > extra.byteLength) return null;
    if (view.getUint16(at, true) === id) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
    at = end;
  }
  return null;
};

/** Replaces values that did not fit into four bytes, in the order size, compressed size, offset (section 4.5.3). */
export const wideSizes = <const T extends readonly number[]>(
  extra: Uint8Array,
  values: T,
): { readonly [K in keyof T]: number } => {
  const field = extraField(extra, zip64);
  let at = 0;
  return values.map((value) => {
    if (value !== 0xffffffff || !field || at + 8 > field.byteLength) return value;
    at += 8;
    return Number(field.getBigUint64(at - 8, true));
  }) as { readonly [K in keyof T]: number };
};

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
    // An entry on another disk, or with a second name for readers that know the field.
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

/** More than the largest documents have and unpack to; each entry and byte costs time. */
const maxEntries = 5000;
const maxUnpackedBytes = 200_000_000;

/** DEFLATE can reach about 1032:1; whole office documents stay below 50:1. */
const maxRatio = 100;
const harmlessBytes = 10_485_760;

/** Entries that share bytes unpack to far more than their ratios suggest (Fifield, A better zip bomb, WOOT 2019). */
const overlap = (entries: readonly ZipEntry[], directoryOffset: number): boolean =>
  entries.some(({ offset, name, compressedSize }, index) => {
    const end = offset + localHeaderBytes + name.length + compressedSize;
    return end > (entries[index + 1]?.offset ?? directoryOffset);
  });

/** Names that lead out of the archive, or that systems read differently. */
const isUnsafeName = (name: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the rule refuses names that have them
  /^$|^\/|^[A-Za-z]:|(?:^|\/)\.\.?(?:\/|$)|[\\\0-\x1f\x7f]/.test(name);

export const descriptorFlag = 0b1000;
/** A descriptor, a name in UTF-8 and the level of compression; the other flags mean encrypted, patched or masked. */
const harmlessFlags = 0b1000_0000_1110;

/** Stored data whose length comes after them have no certain end for a reader that starts at the beginning. */
const isUnsafeEntry = ({ name, flags, method, size, compressedSize }: ZipEntry): boolean =>
  isUnsafeName(name) ||
  (flags & ~harmlessFlags) !== 0 ||
  (method !== deflated && method !== stored) ||
  (method === stored && (size !== compressedSize || (size > 0 && (flags & descriptorFlag) !== 0)));

/**
 * Checks an archive by its directory alone; `readZipMembers` checks whether the rest of the file agrees.
 * @returns the flaw, or the entries in the order of their bytes
 */
export const inspectZip = (
  directory: Uint8Array,
  { offset, entryCount }: ZipDirectory,
): { readonly flaw: ZipFlaw } | { readonly entries: readonly ZipEntry[] } => {
  if (entryCount > maxEntries) return { flaw: 'archive_bomb' };
  const entries = readEntries(directory, entryCount)?.toSorted((one, other) => one.offset - other.offset);
  if (entries?.length !== entryCount || entries.some(isUnsafeEntry)) return { flaw: 'archive_unsafe' };
  // Names that differ in case alone are the same name (ECMA-376 part 2, section 6.3), as on many disks.
  const names = new Set(entries.map(({ name }) => name.toLowerCase()));
  if (names.size !== entries.length) return { flaw: 'archive_unsafe' };

  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  const compressed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  const expands = size > harmlessBytes && size > compressed * maxRatio;
  return expands || size > maxUnpackedBytes || overlap(entries, offset)
    ? { flaw: 'archive_bomb' }
    : { entries };
};
