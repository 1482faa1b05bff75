import { fileTypeFromBuffer } from 'file-type';
import { createGiveWay, type GiveWay } from '../platform/give-way.ts';
import type { ObjectStore, ObjectVersion, StoredObject } from '../platform/rules/storage.ts';
import { createInflater } from './inflater.ts';
import { createObjectReader, type ObjectReader } from './object-reader.ts';
import type { ByteReader } from './rules/byte-reader.ts';
import { type ContentFlaw, headBytes } from './rules/file-content.ts';
import { createArchiveSearch } from './rules/foreign-content.ts';
import { inspectJpeg, inspectPng } from './rules/image-file.ts';
import { contentTypesPart, inspectOfficeDocument, isOfficeType } from './rules/office-document.ts';
import { beginsAsPdf, endsAsPdf, hasPdfTrailer, opensAsPdf, pdfType } from './rules/pdf-file.ts';
import { beginsAsActiveMarkup, createTextCheck, isMarkupType, isTextType } from './rules/plain-text.ts';
import {
  beginsAsZip,
  endsAsZip,
  findZipDirectory,
  inspectZip,
  isReadable,
  zipTailBytes,
} from './rules/zip-archive.ts';
import { readZipMembers } from './rules/zip-members.ts';

/** Looks into an object. @returns what is wrong with it, or null; throws where it changes or goes meanwhile */
export type InspectContent = (
  object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
  signal: AbortSignal,
) => Promise<ContentFlaw | null>;

type Subject = Pick<StoredObject, 'size' | 'contentType'> & {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
  readonly reader: ObjectReader;
  readonly giveWay: GiveWay;
};

const inspectText = async ({
  size,
  contentType,
  head,
  tail,
  reader,
}: Subject): Promise<ContentFlaw | null> => {
  if (beginsAsPdf(head)) return 'wrong_type';
  const check = createTextCheck();
  const isText = await reader.read(async (bytes) => {
    for await (const piece of bytes.pieces(size)) if (!check(piece)) return false;
    return check(null);
  });
  if (!isText) return 'not_text';
  // A text may speak of PDF; with the end of one too, it is one for lenient readers.
  if (opensAsPdf(head) && endsAsPdf(tail)) return 'polyglot';
  return !isMarkupType(contentType) && beginsAsActiveMarkup(head) ? 'active_markup' : null;
};

const inspectArchive = async ({
  size,
  contentType,
  tail,
  reader,
  giveWay,
}: Subject): Promise<ContentFlaw | null> => {
  const directory = findZipDirectory(tail, size);
  if (!directory) return endsAsZip(tail, size) ? 'polyglot' : 'archive_unsafe';
  if (!isReadable(directory)) return 'archive_unsafe';
  const listed = inspectZip(await reader.bytesOf(directory), directory);
  if ('flaw' in listed) return listed.flaw;
  const { entries } = listed;
  const members = await reader.read((bytes) =>
    readZipMembers(bytes, entries, directory.offset, contentTypesPart, { createInflater, giveWay }),
  );
  if ('flaw' in members) return members.flaw;
  const names = entries.map(({ name }) => name);
  return isOfficeType(contentType) ? inspectOfficeDocument(contentType, names, members.content) : null;
};

const inspectPdf = async ({ head, tail }: Subject, bytes: ByteReader): Promise<ContentFlaw | null> => {
  if (!beginsAsPdf(head)) return 'wrong_type';
  if (!endsAsPdf(tail)) return hasPdfTrailer(tail) ? 'polyglot' : 'damaged';
  await bytes.skip(Number.POSITIVE_INFINITY);
  return null;
};

/** The types that are read from their first byte to their last. */
const wholeTypes: Readonly<Record<string, typeof inspectPdf>> = {
  [pdfType]: inspectPdf,
  'image/png': (_, bytes) => inspectPng(bytes),
  'image/jpeg': (_, bytes) => inspectJpeg(bytes),
};

const inspectWhole = async (subject: Subject, inspect: typeof inspectPdf): Promise<ContentFlaw | null> => {
  const search = createArchiveSearch();
  let isArchive = false;
  const flaw = await subject.reader.read(
    (bytes) => inspect(subject, bytes),
    (piece) => {
      isArchive = search(piece);
    },
  );
  if (flaw === 'wrong_type') return flaw;
  return isArchive || endsAsZip(subject.tail, subject.size) ? 'polyglot' : flaw;
};

/** What an operator allows beyond the types that are known here. */
const inspectByMagicNumber = async (subject: Subject): Promise<ContentFlaw | null> => {
  const sniffed = await fileTypeFromBuffer(subject.head).catch(() => undefined);
  if (sniffed?.mime !== subject.contentType) return 'wrong_type';
  if (beginsAsZip(subject.head)) return inspectArchive(subject);
  return endsAsZip(subject.tail, subject.size) ? 'polyglot' : null;
};

const inspect = async (subject: Subject): Promise<ContentFlaw | null> => {
  const { contentType, head } = subject;
  if (isTextType(contentType)) return inspectText(subject);
  if (contentType !== pdfType && opensAsPdf(head)) return beginsAsPdf(head) ? 'wrong_type' : 'polyglot';
  if (isOfficeType(contentType)) return beginsAsZip(head) ? inspectArchive(subject) : 'wrong_type';
  const whole = wholeTypes[contentType];
  return whole ? inspectWhole(subject, whole) : inspectByMagicNumber(subject);
};

/** Whether a file's content is of its declared type, and of no other (OWASP ASVS 5.0, 5.2.2). */
export const createContentInspector =
  (store: Pick<ObjectStore, 'read'>): InspectContent =>
  async (object, signal) => {
    const { size, contentType } = object;
    const giveWay = createGiveWay(signal);
    const reader = createObjectReader(store, object, signal, giveWay);
    const head = await reader.bytesOf({ offset: 0, length: Math.min(size, headBytes) });
    const tailLength = Math.min(size, zipTailBytes);
    const tail =
      size <= head.byteLength
        ? head
        : await reader.bytesOf({ offset: size - tailLength, length: tailLength });
    return inspect({ size, contentType, head, tail, reader, giveWay });
  };
