/** Where an archive keeps its table of contents (APPNOTE.TXT 6.3.10, section 4.3.16). */
export type ZipDirectory = { readonly offset: number; readonly length: number; readonly entryCount: number };

type ZipEntry = {
  readonly name: string;
  readonly isEncrypted: boolean;
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
};

/** The end record and the longest comment behind it: so much of a file's end says whether it can be read as a ZIP. */
export const zipTailBytes = 22 + 65_535;

/** More than any office document needs, and what a Worker holds at once. */
const maxDirectoryBytes = 1_048_576;

const [endSignature, entrySignature] = [0x06054b50, 0x02014b50];
const latin1 = new TextDecoder('latin1');

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Finds the directory as readers do, from the end backwards. `isWhole`: the archive begins at the first byte and ends
 * at the last, so that nothing else shares the file with it.
 * @param tail the last bytes of the file, at least `zipTailBytes` of them if it has as many
 */
export const findZipDirectory = (
  tail: Uint8Array,
  fileSize: number,
): (ZipDirectory & { readonly isWhole: boolean }) | null => {
  const view = viewOf(tail);
  const tailOffset = fileSize - tail.byteLength;
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    const [entryCount, length, offset, commentLength] = [
      view.getUint16(at + 10, true),
      view.getUint32(at + 12, true),
      view.getUint32(at + 16, true),
      view.getUint16(at + 20, true),
    ];
    const end = tailOffset + at;
    // In front of it lies the directory, or the chance occurrence of four bytes; an empty archive has none.
    if (length > end || (length === 0 && entryCount > 0)) continue;
    const startInTail = at - length;
    const isDirectory =
      startInTail < 0 || length < 46 || view.getUint32(startInTail, true) === entrySignature;
    if (!isDirectory) continue;
    return {
      offset: end - length,
      length,
      entryCount,
      isWhole: offset + length === end && end + 22 + commentLength === fileSize,
    };
  }
  return null;
};

const readEntries = (directory: Uint8Array): ZipEntry[] | null => {
  const view = viewOf(directory);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at < directory.byteLength) {
    if (at + 46 > directory.byteLength || view.getUint32(at, true) !== entrySignature) return null;
    const nameLength = view.getUint16(at + 28, true);
    const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > directory.byteLength) return null;
    entries.push({
      name: latin1.decode(directory.subarray(at + 46, at + 46 + nameLength)),
      isEncrypted: (view.getUint16(at + 8, true) & 1) === 1,
      method: view.getUint16(at + 10, true),
      compressedSize: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at = next;
  }
  return entries;
};

/** What DEFLATE cannot exceed is about 1032:1; office documents stay below 50:1 as a whole. */
const maxRatio = 100;
const harmlessBytes = 10_485_760;

const [stored, deflated] = [0, 8];
const localHeaderBytes = 30;

/** Entries that share bytes unfold to far more than their ratios say (Fifield, A better zip bomb, WOOT 2019). */
const overlap = (entries: readonly ZipEntry[], directoryOffset: number): boolean => {
  const inOrder = entries.toSorted((one, other) => one.offset - other.offset);
  return inOrder.some(({ offset, name, compressedSize }, index) => {
    const end = offset + localHeaderBytes + name.length + compressedSize;
    return end > (inOrder[index + 1]?.offset ?? directoryOffset);
  });
};

const climbs = (name: string): boolean => /^[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)|\0|^[A-Za-z]:/.test(name);

export type ZipFlaw = 'archive_unsafe' | 'archive_bomb';

/**
 * What is wrong with an archive by its table of contents, or the names in it. Sizes that lie are found by whoever
 * unpacks it; those that are true must be bearable.
 */
export const inspectZip = (
  directory: Uint8Array,
  { offset, entryCount }: ZipDirectory,
): { readonly flaw: ZipFlaw } | { readonly names: readonly string[] } => {
  const entries = readEntries(directory);
  if (!entries || entries.length !== entryCount) return { flaw: 'archive_unsafe' };
  const names = entries.map(({ name }) => name);
  const isUnsafe =
    new Set(names).size !== names.length ||
    names.some(climbs) ||
    entries.some(({ isEncrypted, method }) => isEncrypted || (method !== stored && method !== deflated));
  if (isUnsafe) return { flaw: 'archive_unsafe' };

  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  const compressed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  const expands = size > harmlessBytes && size > compressed * maxRatio;
  return expands || overlap(entries, offset) ? { flaw: 'archive_bomb' } : { names };
};

/** Whether the table of contents is small enough to be read at once. */
export const isReadable = ({ length }: ZipDirectory): boolean => length <= maxDirectoryBytes;
