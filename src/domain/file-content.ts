import type { ZipFlaw } from './zip-archive.ts';

/** Why a file is not what its type says; stable words that the owner is told. */
export type ContentFlaw = 'wrong_type' | 'polyglot' | 'not_text' | ZipFlaw;

export const contentFlawDetail: Readonly<Record<ContentFlaw, string>> = {
  wrong_type: 'The content is not what the declared type says.',
  polyglot: 'The content can be read as a file of another type too.',
  not_text: 'The content is not text in UTF-8.',
  archive_unsafe: 'The archive is damaged, encrypted, or has names that lead out of it.',
  archive_bomb: 'The archive would unpack to far more than it is.',
};

/** So much of a file's beginning is looked at; readers of PDF look for its header in the first 1,024 bytes. */
export const headBytes = 65_536;
const pdfHeaderWithin = 1024;

const latin1 = new TextDecoder('latin1');

/** Whether a reader of PDF would open it, whatever it begins with (ISO 32000-1, appendix H.3, note 13). */
export const opensAsPdf = (head: Uint8Array): boolean =>
  latin1.decode(head.subarray(0, pdfHeaderWithin + 5)).includes('%PDF-');

export const beginsAsZip = ([p, k, three, four]: Uint8Array): boolean =>
  p === 0x50 && k === 0x4b && three === 0x03 && four === 0x04;

/** A text has no magic number: it is what nothing else is. */
export const isTextType = (contentType: string): boolean => contentType.startsWith('text/');

/** Office documents are archives (ECMA-376 part 2) that are told apart by their main part. */
const mainParts: Readonly<Record<string, string>> = {
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'word/document.xml',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xl/workbook.xml',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'ppt/presentation.xml',
};

export const isOfficeType = (contentType: string): boolean => contentType in mainParts;

/** A document of that type, and without macros, which have types of their own. */
export const isOfficeDocument = (contentType: string, names: readonly string[]): boolean => {
  const main = mainParts[contentType];
  return (
    main !== undefined &&
    names.includes('[Content_Types].xml') &&
    names.includes(main) &&
    !names.some((name) => /(?:^|\/)vbaProject\.bin$/i.test(name))
  );
};

/** Reads a text piece by piece. @returns false from the first that cannot be part of one; call it with null at the end */
export const createTextCheck = (): ((piece: Uint8Array | null) => boolean) => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let good = true;
  return (piece) => {
    if (!good) return false;
    try {
      const text = piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
      good = !text.includes('\0');
    } catch {
      good = false;
    }
    return good;
  };
};
