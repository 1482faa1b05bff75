import { createByteSearch } from '../../platform/rules/byte-search.ts';
import type { ByteReader } from './byte-reader.ts';

/** RAR and 7z: their readers look through a file for these, because archives that unpack themselves begin as programs. */
const archives = ['Rar!\x1a\x07', '7z\xbc\xaf\x27\x1c'];
export const createArchiveSearch = (): ((piece: Uint8Array) => boolean) => createByteSearch(archives);

const tags = ['!doctype', 'html', 'head', 'body', 'svg', 'script', 'iframe'];

/** Archives, documents, programs and pages; five bytes and more, so that megabytes of film do not have them by chance. */
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

/** Whether what is left of a file is, or has in it, a file of its own that is not to be there. */
export const hidesFile = async (bytes: ByteReader): Promise<boolean> => {
  const search = createByteSearch(files, { ignoreCase: true });
  const start = (await bytes.take(2)) ?? new Uint8Array();
  let found = start.toHex() === '4d5a' || search(start);
  for await (const piece of bytes.pieces(Number.POSITIVE_INFINITY)) found ||= search(piece);
  return found;
};
