import type { ContentFlaw } from './file-content.ts';

/** Office documents are archives (ECMA-376 part 2) that are told apart by the type of their main part. */
const mainTypes: Readonly<Record<string, string>> = Object.fromEntries(
  ['wordprocessingml.document', 'spreadsheetml.sheet', 'presentationml.presentation'].map((kind) => {
    const type = `application/vnd.openxmlformats-officedocument.${kind}`;
    return [type, `${type}.main+xml`];
  }),
);

export const isOfficeType = (contentType: string): boolean => contentType in mainTypes;

/** The part that gives the type of every other. */
export const contentTypesPart = '[Content_Types].xml';

/** Names by which an archive is a program or a document for other readers: Java, OpenDocument, EPUB, Android, browsers. */
const foreign = /^(?:META-INF\/|mimetype$|AndroidManifest\.xml$|manifest\.json$)|\.(?:class|dex)$/i;

const macros = /vbaProject|macroEnabled/i;

/**
 * A document of that type and of no other, and without macros, which have types of their own.
 * @param types the content of `[Content_Types].xml`, or null where the archive has none
 */
export const inspectOfficeDocument = (
  contentType: string,
  names: readonly string[],
  types: Uint8Array | null,
): ContentFlaw | null => {
  if (names.some((name) => foreign.test(name))) return 'polyglot';
  const text = new TextDecoder().decode(types ?? new Uint8Array());
  // By comments, entities and character references the same types could be written so that they are not found.
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
