import { fileTypeFromBuffer } from 'file-type';
import {
  beginsAsZip,
  type ContentFlaw,
  createTextCheck,
  headBytes,
  isOfficeDocument,
  isOfficeType,
  isTextType,
  opensAsPdf,
} from '../domain/file-content.ts';
import type { ByteSpan, ObjectStore, ObjectVersion, StoredObject } from '../domain/storage.ts';
import { findZipDirectory, inspectZip, isReadable, zipTailBytes } from '../domain/zip-archive.ts';
import { AppError } from '../errors.ts';

/** Looks into an object. @returns what is wrong with it, or null; throws where it changes or goes meanwhile */
export type InspectContent = (
  object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
  signal: AbortSignal,
) => Promise<ContentFlaw | null>;

const pdf = 'application/pdf';

/** Whether a file's content is of its declared type, and of no other (OWASP ASVS 5.0, 5.2.2). */
export const createContentInspector =
  (store: Pick<ObjectStore, 'read'>): InspectContent =>
  async (object, signal) => {
    const { size, contentType } = object;

    const open = async (span: ByteSpan | null): Promise<ReadableStream<Uint8Array>> => {
      const content = await store.read(object, span, signal);
      if (!content) throw new AppError('conflict', { detail: 'The bytes have changed in the meantime.' });
      return content;
    };
    const bytesOf = async (span: ByteSpan): Promise<Uint8Array> =>
      new Uint8Array(await new Response(await open(span)).arrayBuffer());

    const isText = async (): Promise<boolean> => {
      const check = createTextCheck();
      for await (const piece of await open(null)) {
        if (!check(piece)) return false;
      }
      return check(null);
    };

    const head = await bytesOf({ offset: 0, length: Math.min(size, headBytes) });
    const tailLength = Math.min(size, zipTailBytes);
    const tail =
      size <= head.byteLength ? head : await bytesOf({ offset: size - tailLength, length: tailLength });
    const directory = findZipDirectory(tail, size);
    const sniffed = (await fileTypeFromBuffer(head).catch(() => undefined))?.mime;

    if (contentType !== pdf && opensAsPdf(head)) return sniffed === pdf ? 'wrong_type' : 'polyglot';

    if (beginsAsZip(head)) {
      if (sniffed !== contentType && !isOfficeType(contentType)) return 'wrong_type';
      if (!directory || !isReadable(directory)) return 'archive_unsafe';
      if (!directory.isWhole) return 'polyglot';
      const listed = inspectZip(await bytesOf(directory), directory);
      if ('flaw' in listed) return listed.flaw;
      return isOfficeType(contentType) && !isOfficeDocument(contentType, listed.names) ? 'wrong_type' : null;
    }
    if (isTextType(contentType)) {
      if (sniffed !== undefined) return 'wrong_type';
      return (await isText()) ? null : 'not_text';
    }
    if (sniffed !== contentType) return 'wrong_type';
    return directory ? 'polyglot' : null;
  };
