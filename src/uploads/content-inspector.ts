import { AppError } from '../platform/errors.ts';
import { createGiveWay, type GiveWay } from '../platform/give-way.ts';
import { latin1 } from '../platform/rules/bytes.ts';
import { beginsAsType } from '../platform/rules/detected-types.ts';
import type { ByteSpan, ObjectStore, ObjectVersion, StoredObject } from '../platform/rules/storage.ts';
import { createDocumentCheck, isDescribingPart, isOfficeType } from './rules/office.ts';
import { elementsOf, encodingOf, isPlainXml } from './rules/office-xml.ts';
import type { ContentFlaw } from './rules/reasons.ts';
import { createTextCheck } from './rules/text-file.ts';
import {
  beginsAsZip,
  directoryFlaw,
  entryReach,
  findZipDirectory,
  inspectZip,
  packedContent,
  stored,
  type ZipEntry,
  zipTailBytes,
} from './rules/zip-archive.ts';
import { unpack } from './unpack.ts';

type Subject = Pick<StoredObject, 'size' | 'contentType'> & {
  readonly head: Uint8Array;
  readonly read: (span: ByteSpan | null) => Promise<ReadableStream<Uint8Array>>;
  readonly bytesOf: (span: ByteSpan) => Promise<Uint8Array>;
  readonly giveWay: GiveWay;
};

const headBytes = 65_536;
/** Readers look for a PDF's marks in so many bytes of each end (ISO 32000-1, appendix H.3). */
const pdfMarkWithin = 1024;
/** Describing parts, unpacked: one of them, and all together. */
const [maxPartBytes, maxPartsBytes] = [4_194_304, 16_777_216];
/** Entries that lie near each other are read at once. */
const [maxGapBytes, maxSpanBytes] = [262_144, 4_194_304];
/** Work in units of a read byte: of an entry in a directory, a part by itself, and of XML. */
const [entryCost, partCost, characterCost, elementCost] = [4096, 32_768, 4, 512];

const tailOf = ({ size, bytesOf }: Subject, length: number): Promise<Uint8Array> =>
  bytesOf({ offset: Math.max(0, size - length), length: Math.min(size, length) });

const inspectText = async ({ size, read, giveWay }: Subject): Promise<ContentFlaw | null> => {
  const isText = createTextCheck(size);
  for await (const piece of await read(null)) {
    if (!isText(piece)) return 'not_text';
    await giveWay(piece.byteLength);
  }
  return null;
};

const inspectPdf = async (subject: Subject): Promise<ContentFlaw | null> => {
  const has = (bytes: Uint8Array, mark: string): boolean => latin1.decode(bytes).includes(mark);
  if (!has(subject.head.subarray(0, pdfMarkWithin), '%PDF-')) return 'wrong_type';
  return has(await tailOf(subject, pdfMarkWithin), '%%EOF') ? null : 'damaged';
};

/** Entries in the order of their bytes, in groups that one read brings. */
const groupsOf = (entries: readonly ZipEntry[]): ZipEntry[][] => {
  const groups: ZipEntry[][] = [];
  let [begins, ends] = [0, Number.NEGATIVE_INFINITY];
  for (const entry of entries.toSorted((one, other) => one.offset - other.offset)) {
    const end = entry.offset + entryReach(entry);
    if (entry.offset - ends > maxGapBytes || end - begins > maxSpanBytes) {
      groups.push([]);
      begins = entry.offset;
    }
    groups.at(-1)?.push(entry);
    ends = Math.max(ends, end);
  }
  return groups;
};

/** The text of a part that is XML, or null. */
const readXml = async (bytes: Uint8Array, entry: ZipEntry, giveWay: GiveWay): Promise<string | null> => {
  const packed = packedContent(bytes, entry);
  const content = packed && (entry.method === stored ? packed : await unpack(packed, entry.size, giveWay));
  if (!content) return null;
  const decoder = new TextDecoder(encodingOf(content));
  let text = '';
  const step = 262_144;
  for (let at = 0; at < content.byteLength; at += step) {
    const piece = content.subarray(at, at + step);
    text += decoder.decode(piece, { stream: true });
    await giveWay(piece.byteLength * characterCost);
  }
  text += decoder.decode();
  return isPlainXml(text) ? text : null;
};

const inspectDocument = async (
  { size, contentType, bytesOf, giveWay }: Subject,
  entries: readonly ZipEntry[],
): Promise<ContentFlaw | null> => {
  const check = createDocumentCheck(contentType);
  const describing: ZipEntry[] = [];
  for (const entry of entries) {
    const flaw = check.takeEntry(entry);
    if (flaw) return flaw;
    if (isDescribingPart(entry.name)) describing.push(entry);
    await giveWay(entryCost);
  }
  const total = describing.reduce((sum, entry) => sum + entry.size, 0);
  const isTooLarge = (entry: ZipEntry) => Math.max(entry.size, entry.compressedSize) > maxPartBytes;
  // Readers take a stored part as it is, whatever its size is said to be.
  const disagrees = (entry: ZipEntry) => entry.method === stored && entry.size !== entry.compressedSize;
  if (total > maxPartsBytes || describing.some((entry) => isTooLarge(entry) || disagrees(entry)))
    return 'archive_unsafe';

  for (const group of groupsOf(describing)) {
    const offset = group[0]?.offset ?? 0;
    const end = Math.min(size, Math.max(...group.map((entry) => entry.offset + entryReach(entry))));
    const bytes = await bytesOf({ offset, length: end - offset });
    await giveWay(bytes.byteLength);
    for (const entry of group) {
      await giveWay(partCost);
      const text = await readXml(bytes.subarray(entry.offset - offset), entry, giveWay);
      if (text === null) return 'archive_unsafe';
      const take = check.openPart(entry.name);
      for (const element of elementsOf(text)) {
        const flaw = element ? take(element) : 'archive_unsafe';
        if (flaw) return flaw;
        await giveWay((element?.length ?? 0) * characterCost + elementCost);
      }
    }
  }
  return check.end();
};

const inspectArchive = async (subject: Subject): Promise<ContentFlaw | null> => {
  const directory = findZipDirectory(await tailOf(subject, zipTailBytes), subject.size);
  if (!directory) return 'damaged';
  const { offset, length } = directory;
  const flaw = directoryFlaw(directory);
  if (flaw) return flaw;
  const bytes = await subject.bytesOf({ offset, length });
  const listed = await inspectZip(bytes, directory, () => subject.giveWay(entryCost));
  if ('flaw' in listed) return listed.flaw;
  return isOfficeType(subject.contentType) ? inspectDocument(subject, listed.entries) : null;
};

/** A document with a password is in the container of the old formats (MS-OFFCRYPTO, section 2.3.4.4). */
const isEncryptedDocument = async (subject: Subject): Promise<boolean> => {
  if (subject.head.subarray(0, 8).toHex() !== 'd0cf11e0a1b11ae1') return false;
  const mark = [...'EncryptedPackage'].join('\0');
  const ends = [subject.head, await tailOf(subject, headBytes)];
  return ends.some((bytes) => latin1.decode(bytes).includes(mark));
};

const inspectOffice = async (subject: Subject): Promise<ContentFlaw | null> => {
  const flaw = await inspectArchive(subject);
  if (flaw !== 'damaged' || beginsAsZip(subject.head)) return flaw;
  return (await isEncryptedDocument(subject)) ? 'encrypted' : 'wrong_type';
};

/** What files of these types begin with; the detector would tell a document from an archive, and an animated PNG. */
const signatures: Readonly<Record<string, string>> = {
  'image/png': '89504e470d0a1a0a',
  'image/jpeg': 'ffd8ff',
  'application/zip': '504b0304',
};

const inspect = async (subject: Subject): Promise<ContentFlaw | null> => {
  const { contentType, head } = subject;
  if (contentType.startsWith('text/')) return inspectText(subject);
  if (contentType === 'application/pdf') return inspectPdf(subject);
  if (isOfficeType(contentType)) return inspectOffice(subject);
  const signature = signatures[contentType];
  const begins = signature ? head.toHex().startsWith(signature) : await beginsAsType(contentType, head);
  if (!begins) return 'wrong_type';
  return beginsAsZip(head) ? inspectArchive(subject) : null;
};

/** How many files an isolate looks into at once, and after what time a place is free whose holder was cancelled. */
const [maxAtOnce, placeMs] = [2, 60_000];
/** How long a file waits for a place before it is put off. */
const placeWaitMs = 10_000;

type Place = { readonly owner: string; readonly untilMs: number };
const places = new Set<Place>();

/** Waits for a place; an owner has one at most, so that nobody holds them all. @returns null where none came free */
const takePlace = async (owner: string, clock: () => Date): Promise<Place | null> => {
  for (let waitedMs = 0; waitedMs < placeWaitMs; waitedMs += 20) {
    const now = clock().getTime();
    for (const taken of places) if (taken.untilMs <= now) places.delete(taken);
    if (places.size < maxAtOnce && !places.values().some((taken) => taken.owner === owner)) {
      const place = { owner, untilMs: now + placeMs };
      places.add(place);
      return place;
    }
    await scheduler.wait(20);
  }
  return null;
};

/**
 * Checks that the content of an object agrees with its type as common readers see it (OWASP ASVS 5.0, 5.2.2).
 * @param newSignal ends the work, and begins when a place is free
 * @returns the flaw, or null; throws AppError `conflict` where the object changes or goes meanwhile, `timeout`, and
 *   `overloaded` where no place came free
 */
export const createContentInspector =
  (store: Pick<ObjectStore, 'read'>, clock: () => Date) =>
  async (
    object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
    newSignal: () => AbortSignal,
  ): Promise<ContentFlaw | null> => {
    // Keys begin with the folder of their account.
    const place = await takePlace(object.key.slice(0, object.key.lastIndexOf('/')), clock);
    if (!place) throw new AppError('overloaded');
    const signal = newSignal();
    const read = async (span: ByteSpan | null): Promise<ReadableStream<Uint8Array>> => {
      const content = await store.read(object, span, signal);
      if (!content) throw new AppError('conflict', { detail: 'The bytes have changed in the meantime.' });
      return content;
    };
    const bytesOf = async (span: ByteSpan): Promise<Uint8Array> =>
      new Uint8Array(await new Response(await read(span)).arrayBuffer());
    try {
      const { size, contentType } = object;
      const head = await bytesOf({ offset: 0, length: Math.min(size, headBytes) });
      return await inspect({ size, contentType, head, read, bytesOf, giveWay: createGiveWay(signal) });
    } finally {
      places.delete(place);
    }
  };
