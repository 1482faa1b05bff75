import { latin1 } from '../../platform/rules/bytes.ts';
import type { ContentFlaw } from './file-content.ts';

export const isTextType = (contentType: string): boolean => contentType.startsWith('text/');

/** Types that declare their markup. */
export const isMarkupType = (contentType: string): boolean => ['text/html', 'text/xml'].includes(contentType);

/** Every control character but tab, line feed, form feed and carriage return. */
const control = /[^\P{Cc}\t\n\f\r]/u;

/** @returns a function that takes each piece, and null at the end; false from the first piece that is no text */
export const createTextCheck = (): ((piece: Uint8Array | null) => boolean) => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let good = true;
  return (piece) => {
    if (!good) return false;
    try {
      good = !control.test(piece ? decoder.decode(piece, { stream: true }) : decoder.decode());
    } catch {
      good = false;
    }
    return good;
  };
};

/** What may precede a document's first element; a style sheet is a program of its own. */
const prologue = /\s+|<!--.*?-->|<\?(?!xml-stylesheet\b).*?\?>/sy;
const active =
  /<!doctype\s+(?:html|svg)\b|<(?:[\w.-]+:)?(?:html|head|body|svg|script|iframe)\b|<\?xml-stylesheet\b/iy;

/**
 * Whether a text begins as a page or an image that a browser would run. Other elements do not count: Markdown often
 * begins with headings and comments in HTML.
 */
export const beginsAsActiveMarkup = (head: Uint8Array): boolean => {
  const text = new TextDecoder().decode(head);
  prologue.lastIndex = 0;
  let at = 0;
  while (prologue.test(text)) at = prologue.lastIndex;
  active.lastIndex = at;
  return active.test(text);
};

export const pdfType = 'application/pdf';

/** Readers look for the header in the first 1,024 bytes (ISO 32000-1, appendix H.3, note 13). */
const headerWithin = 1024;

export const opensAsPdf = (head: Uint8Array): boolean =>
  latin1.decode(head.subarray(0, headerWithin + 5)).includes('%PDF-');

/** The header that a PDF begins with (ISO 32000-2, section 7.5.2). */
export const beginsAsPdf = (head: Uint8Array): boolean =>
  /^%PDF-(?:1\.[0-7]|2\.0)(?!\d)/.test(latin1.decode(head.subarray(0, 9)));

/** The end of each version of a PDF (section 7.5.5): where its table is, and the mark. White space is that of 7.2.3. */
const trailer = /startxref[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+%%EOF/;
const trailerBytes = 64;

export const hasPdfTrailer = (tail: Uint8Array): boolean => trailer.test(latin1.decode(tail));

/** Whether only white space follows the last trailer. */
export const endsAsPdf = (tail: Uint8Array): boolean => {
  const end = tail.findLastIndex((byte) => ![0, 9, 10, 12, 13, 32].includes(byte)) + 1;
  const last = latin1.decode(tail.subarray(Math.max(0, end - trailerBytes), end));
  return last.endsWith('%%EOF') && trailer.test(last);
};

/** Office documents are archives (ECMA-376 part 2); the type of their main part tells them apart. */
const mainTypes: Readonly<Record<string, string>> = Object.fromEntries(
  ['wordprocessingml.document', 'spreadsheetml.sheet', 'presentationml.presentation'].map((kind) => {
    const type = `application/vnd.openxmlformats-officedocument.${kind}`;
    return [type, `${type}.main+xml`];
  }),
);

export const isOfficeType = (contentType: string): boolean => contentType in mainTypes;

/** The part that gives the type of every other. */
export const contentTypesPart = '[Content_Types].xml';

/** Names that make an archive a program or a document of another kind: Java, OpenDocument, EPUB, Android, browsers. */
const foreign = /^(?:META-INF\/|mimetype$|AndroidManifest\.xml$|manifest\.json$)|\.(?:class|dex)$/i;

const macros = /vbaProject|macroEnabled/i;

/**
 * Checks that an archive is a document of this type and of no other, without macros, which have types of their own.
 * @param types the content of `[Content_Types].xml`, or null where the archive has none
 */
export const inspectOfficeDocument = (
  contentType: string,
  names: readonly string[],
  types: Uint8Array | null,
): ContentFlaw | null => {
  if (names.some((name) => foreign.test(name))) return 'polyglot';
  const text = new TextDecoder().decode(types ?? new Uint8Array());
  // Comments, entities and character references could hide types from this search.
  if (/<!|&#/.test(text)) return 'archive_unsafe';
  const given = new Set(
    Array.from(text.matchAll(/\bContentType\s*=\s*(?:"([^"]*)"|'([^']*)')/g), ([, one, other]) =>
      (one ?? other ?? '').trim().toLowerCase(),
    ),
  );
  const kinds = Object.keys(mainTypes).filter((type) => given.has(mainTypes[type] ?? ''));
  if (!kinds.includes(contentType) || macros.test(text) || names.some((name) => macros.test(name)))
    return 'wrong_type';
  return kinds.length > 1 ? 'polyglot' : null;
};
