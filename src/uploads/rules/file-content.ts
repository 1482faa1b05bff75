import { createByteSearch } from '../../platform/rules/bytes.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ZipFlaw } from './zip-archive.ts';

/** Why a file does not fit its type; stable words that the owner reads. */
export type ContentFlaw = 'wrong_type' | 'polyglot' | 'not_text' | 'active_markup' | 'damaged' | ZipFlaw;

export const contentFlawDetail: Readonly<Record<ContentFlaw, string>> = {
  wrong_type: 'The content does not fit the declared type.',
  polyglot:
    'The content can also be read as a file of another type, or has foreign bytes before, within or after it.',
  not_text: 'The content is not text in UTF-8, or has control characters.',
  active_markup:
    'The content is a web page or an image in markup (HTML, SVG), which a browser would run, and not plain text.',
  damaged: 'The content begins as its type does, but is damaged or has no end.',
  archive_unsafe:
    'The archive is damaged or encrypted, contradicts itself, or has names that lead out of it.',
  archive_bomb:
    'The archive would unpack to far more than its size, or than it says, or to more than 200 MB or 5,000 entries.',
};

/** How much of a file's beginning is read first. */
export const headBytes = 65_536;

/** RAR and 7z: self-extracting archives begin as programs, so their readers search the whole file for these. */
const archives = ['Rar!\x1a\x07', '7z\xbc\xaf\x27\x1c'];
export const createArchiveSearch = (): ((piece: Uint8Array) => boolean) => createByteSearch(archives);

const tags = ['!doctype', 'html', 'head', 'body', 'svg', 'script', 'iframe'];

/** Archives, documents, programs and pages; five bytes and more, so that megabytes of film do not match by chance. */
const files = [
  ...archives,
  ...['\x0a', '\x14', '\x2d'].map((version) => `PK\x03\x04${version}\0`),
  '%PDF-',
  'PE\0\0L\x01',
  'PE\0\0d',
  '\x7fELF\x01\x01',
  '\x7fELF\x02\x01',
  '<?php',
  ...tags.flatMap((tag) => [' ', '>', '/', '\t', '\n', '\f', '\r'].map((end) => `<${tag}${end}`)),
];

/** Whether the rest of a file is, or contains, another file. */
export const hidesFile = async (bytes: ByteReader): Promise<boolean> => {
  const search = createByteSearch(files, { ignoreCase: true });
  const start = (await bytes.take(2)) ?? new Uint8Array();
  let found = start.toHex() === '4d5a' || search(start);
  for await (const piece of bytes.pieces(Number.POSITIVE_INFINITY)) found ||= search(piece);
  return found;
};
