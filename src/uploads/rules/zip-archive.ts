import { latin1, viewOf } from '../../platform/rules/bytes.ts';
import type { ContentFlaw } from './reasons.ts';

/** Where an archive keeps its table of contents (APPNOTE.TXT 6.3.10, section 4.3.16). */
type ZipDirectory = { readonly offset: number; readonly length: number; readonly entryCount: number };

/** An entry as the directory describes it. A name has one character for each byte. */
export type ZipEntry = {
  readonly name: string;
  /** For readers that know the extra field for names in UTF-8. */
  readonly otherName: string | null;
  readonly flags: number;
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
  readonly isLink: boolean;
};

const [endSignature, entrySignature, localSignature] = [0x06054b50, 0x02014b50, 0x04034b50];
const [end64Signature, locatorSignature] = [0x06064b50, 0x07064b50];
const [endBytes, end64Bytes, locatorBytes, localHeaderBytes] = [22, 56, 20, 30];

/** The end record, the longest comment after it, and what ZIP64 has before it. */
export const zipTailBytes = endBytes + 65_535 + locatorBytes + end64Bytes;

const maxDirectoryBytes = 2_097_152;
const maxEntries = 5000;
const maxUnpackedBytes = 200_000_000;

export const [stored, deflated] = [0, 8];

export const beginsAsZip = ([p, k, three, four]: Uint8Array): boolean =>
  p === 0x50 && k === 0x4b && three === 0x03 && four === 0x04;

/**
 * The directory that the end record leads to, as readers find it: by a search from the end of the file.
 * @param tail the last `zipTailBytes` of the file, or the whole file
 * @returns null where there is none, or its offsets do not fit
 */
export const findZipDirectory = (tail: Uint8Array, fileSize: number): ZipDirectory | null => {
  const view = viewOf(tail);
  const tailOffset = fileSize - tail.byteLength;
  let at = tail.byteLength - endBytes;
  while (at >= 0 && view.getUint32(at, true) !== endSignature) at--;
  if (at < 0 || at + endBytes + view.getUint16(at + 20, true) !== tail.byteLength) return null;
  const [entryCount, length, offset] = [
    view.getUint16(at + 10, true),
    view.getUint32(at + 12, true),
    view.getUint32(at + 16, true),
  ];
  const locator = at - locatorBytes;
  if (locator < 0 || view.getUint32(locator, true) !== locatorSignature)
    return offset + length === tailOffset + at ? { entryCount, length, offset } : null;

  // ZIP64 (sections 4.3.14 and 4.3.15). Where a field of the short record is all ones, the wide record has its value.
  const wideOffset = Number(view.getBigUint64(locator + 8, true));
  const wide = wideOffset - tailOffset;
  if (wide < 0 || wide + end64Bytes > locator || view.getUint32(wide, true) !== end64Signature) return null;
  const [count64, length64, offset64] = [32, 40, 48].map((field) =>
    Number(view.getBigUint64(wide + field, true)),
  ) as [number, number, number];
  const fits =
    (entryCount === 0xffff || entryCount === count64) &&
    (length === 0xffffffff || length === length64) &&
    (offset === 0xffffffff || offset === offset64) &&
    offset64 + length64 === wideOffset;
  return fits ? { entryCount: count64, length: length64, offset: offset64 } : null;
};

/** Why a directory is not even read, or null. */
export const directoryFlaw = ({ entryCount, length }: ZipDirectory): ContentFlaw | null => {
  if (entryCount > maxEntries) return 'archive_bomb';
  return length > maxDirectoryBytes ? 'archive_unsafe' : null;
};

/** The content of the first extra field of that id (section 4.5), or null. */
const extraField = (extra: Uint8Array, id: number): Uint8Array | null => {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > extra.byteLength) return null;
    if (view.getUint16(at, true) === id) return extra.subarray(at + 4, end);
    at = end;
  }
  return null;
};

/** Replaces values that did not fit into four bytes, in the order size, compressed size, offset (section 4.5.3). */
const wideValues = (extra: Uint8Array, values: readonly number[]): readonly number[] => {
  if (!values.includes(0xffffffff)) return values;
  const field = viewOf(extraField(extra, 0x0001) ?? new Uint8Array());
  let at = -8;
  return values.map((value) => {
    if (value !== 0xffffffff || at + 16 > field.byteLength) return value;
    at += 8;
    return Number(field.getBigUint64(at, true));
  });
};

/** Systems whose attributes have the mode of a file: Unix and macOS. */
const unixSystems = [3, 19];

/** Yields the entries, and null where the directory is damaged or has another number of them. */
function* readEntries(directory: Uint8Array, entryCount: number): Generator<ZipEntry | null, void> {
  const view = viewOf(directory);
  let at = 0;
  for (let count = 0; count < entryCount; count++) {
    if (at + 46 > directory.byteLength || view.getUint32(at, true) !== entrySignature) return yield null;
    const extraAt = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = extraAt + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > directory.byteLength) return yield null;
    const extra = directory.subarray(extraAt, extraEnd);
    const otherName = extraField(extra, 0x7075);
    const [size = 0, compressedSize = 0, offset = 0] = wideValues(
      extra,
      [24, 20, 42].map((field) => view.getUint32(at + field, true)),
    );
    yield {
      name: latin1.decode(directory.subarray(at + 46, extraAt)),
      otherName: otherName && latin1.decode(otherName.subarray(5)),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      compressedSize,
      size,
      offset,
      isLink:
        unixSystems.includes(directory[at + 5] as number) &&
        (view.getUint16(at + 40, true) & 0o170000) === 0o120000,
    };
    at = next;
  }
  if (at !== directory.byteLength) yield null;
}

/** Names that lead out of the archive. */
const isUnsafeName = (name: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the rule refuses names that have them
  /^$|^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|[\0-\x1f]/.test(name);

/** Encrypted, encrypted strongly, or with a masked directory (section 4.4.4). */
const encryptedFlags = 0b10_0000_0100_0001;

const isUnsafe = ({ name, otherName, isLink, offset, compressedSize }: ZipEntry, end: number): boolean =>
  isLink ||
  isUnsafeName(name) ||
  (otherName !== null && isUnsafeName(otherName)) ||
  offset + localHeaderBytes + name.length + compressedSize > end;

/** Checks an archive by its directory; nothing is unpacked. @param giveWay lets others have the thread after an entry */
export const inspectZip = async (
  directory: Uint8Array,
  { offset: end, entryCount }: ZipDirectory,
  giveWay: () => Promise<void>,
): Promise<{ readonly flaw: ContentFlaw } | { readonly entries: readonly ZipEntry[] }> => {
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let [unpackedBytes, packedBytes] = [0, 0];
  let isEncrypted = false;
  let isFlawed = false;
  for (const entry of readEntries(directory, entryCount)) {
    if (!entry) return { flaw: 'archive_unsafe' };
    entries.push(entry);
    unpackedBytes += entry.size;
    packedBytes += entry.compressedSize;
    isEncrypted ||= (entry.flags & encryptedFlags) !== 0;
    isFlawed ||= names.has(entry.name) || isUnsafe(entry, end);
    names.add(entry.name);
    await giveWay();
  }
  if (isEncrypted) return { flaw: 'encrypted' };
  // Entries that share bytes cost far more than the file is large (Fifield, A better zip bomb, WOOT 2019).
  if (unpackedBytes > maxUnpackedBytes || (!isFlawed && packedBytes > end)) return { flaw: 'archive_bomb' };
  return isFlawed ? { flaw: 'archive_unsafe' } : { entries };
};

/** Headers in front of the content may be longer than the directory says, by their own extra fields. */
const longestExtra = 4096;

/** How many bytes from an entry's offset hold its header and its content. */
export const entryReach = ({ name, compressedSize }: ZipEntry): number =>
  localHeaderBytes + name.length + longestExtra + compressedSize;

/** @param bytes those from the entry's offset on. @returns its packed content, or null where it is not there */
export const packedContent = (bytes: Uint8Array, { compressedSize }: ZipEntry): Uint8Array | null => {
  if (bytes.byteLength < localHeaderBytes) return null;
  const view = viewOf(bytes);
  const start = localHeaderBytes + view.getUint16(26, true) + view.getUint16(28, true);
  const isThere = view.getUint32(0, true) === localSignature && start + compressedSize <= bytes.byteLength;
  return isThere ? bytes.subarray(start, start + compressedSize) : null;
};
