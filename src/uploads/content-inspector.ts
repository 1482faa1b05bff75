import { fileTypeFromBuffer } from 'file-type';
import { AppError } from '../platform/errors.ts';
import { createGiveWay, type GiveWay } from '../platform/give-way.ts';
import type { ByteSpan, ObjectStore, ObjectVersion, StoredObject } from '../platform/rules/storage.ts';
import { createInflater } from './inflater.ts';
import { type ByteReader, createByteReader } from './rules/byte-reader.ts';
import {
  beginsAsActiveMarkup,
  beginsAsPdf,
  contentTypesPart,
  createTextCheck,
  endsAsPdf,
  hasPdfTrailer,
  inspectOfficeDocument,
  isMarkupType,
  isOfficeType,
  isTextType,
  opensAsPdf,
  pdfType,
} from './rules/documents.ts';
import { type ContentFlaw, createArchiveSearch, headBytes } from './rules/file-content.ts';
import { inspectJpeg, inspectPng } from './rules/image-file.ts';
import {
  beginsAsZip,
  endsAsZip,
  findZipDirectory,
  inspectZip,
  isReadable,
  zipTailBytes,
} from './rules/zip-archive.ts';
import { readZipMembers } from './rules/zip-members.ts';

/** One version of an object; reading throws `conflict` where the object changes or goes meanwhile. */
type ObjectReader = {
  bytesOf(span: ByteSpan): Promise<Uint8Array>;
  /** Reads from the beginning as far as `use` does. @param look sees each piece that is read */
  read<T>(use: (bytes: ByteReader) => Promise<T>, look?: (piece: Uint8Array) => void): Promise<T>;
};

const createObjectReader = (
  store: Pick<ObjectStore, 'read'>,
  version: ObjectVersion,
  signal: AbortSignal,
  giveWay: GiveWay,
): ObjectReader => {
  const open = async (span: ByteSpan | null): Promise<ReadableStream<Uint8Array>> => {
    const content = await store.read(version, span, signal);
    if (!content) throw new AppError('conflict', { detail: 'The bytes have changed in the meantime.' });
    return content;
  };

  async function* pieces(look?: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array, void> {
    for await (const piece of await open(null)) {
      await giveWay(piece.byteLength);
      look?.(piece);
      yield piece;
    }
  }

  return {
    bytesOf: async (span) => new Uint8Array(await new Response(await open(span)).arrayBuffer()),
    read: async (use, look) => {
      const source = pieces(look);
      try {
        return await use(createByteReader(source));
      } finally {
        await source.return();
      }
    },
  };
};

type Subject = Pick<StoredObject, 'size' | 'contentType'> & {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
  readonly reader: ObjectReader;
  readonly giveWay: GiveWay;
};

const inspectText = async (subject: Subject): Promise<ContentFlaw | null> => {
  const { size, contentType, head, tail, reader } = subject;
  if (beginsAsPdf(head)) return 'wrong_type';
  const check = createTextCheck();
  const isText = await reader.read(async (bytes) => {
    for await (const piece of bytes.pieces(size)) if (!check(piece)) return false;
    return check(null);
  });
  if (!isText) return 'not_text';
  // A text may mention PDF; with the end of one too, lenient readers open it as a PDF.
  if (opensAsPdf(head) && endsAsPdf(tail)) return 'polyglot';
  return !isMarkupType(contentType) && beginsAsActiveMarkup(head) ? 'active_markup' : null;
};

const inspectArchive = async (subject: Subject): Promise<ContentFlaw | null> => {
  const { size, contentType, tail, reader, giveWay } = subject;
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

/** The types whose files are read from the first byte to the last. */
const wholeTypes: Readonly<Record<string, typeof inspectPdf>> = {
  [pdfType]: inspectPdf,
  'image/png': ({ giveWay }, bytes) => inspectPng(bytes, giveWay),
  'image/jpeg': ({ giveWay }, bytes) => inspectJpeg(bytes, giveWay),
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

/** Types that an operator allows beside those above. */
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

/**
 * Checks that an object is of its declared type, and of no other (OWASP ASVS 5.0, 5.2.2).
 * @returns the flaw, or null; throws AppError `conflict` where the object changes or goes meanwhile
 */
export const createContentInspector =
  (store: Pick<ObjectStore, 'read'>) =>
  async (
    object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
    signal: AbortSignal,
  ): Promise<ContentFlaw | null> => {
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
