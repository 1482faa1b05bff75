import { essenceOf } from './typed-text.ts';

type Family = {
  /** The name that is stored, served and shown. */
  readonly type: string;
  /** Other names of the same type. */
  readonly synonyms: readonly string[];
  /** Endings of file names, in lower case; the empty one stands for none. */
  readonly endings: readonly string[];
};

const words = (text: string): string[] => text.split(' ').filter(Boolean);

const family = (names: string, endings: string): Family => {
  const [type = '', ...synonyms] = words(names);
  return { type, synonyms, endings: words(endings) };
};

const office = 'application/vnd.openxmlformats-officedocument';
const plainText = 'text/plain';

/** Each type by its names and the endings of its files. Of two types with one ending, the first is meant by it. */
const families: readonly Family[] = [
  family('application/pdf application/x-pdf', 'pdf'),
  family('image/jpeg image/jpg image/pjpeg', 'jpg jpeg jpe jfif pjp pjpeg'),
  family('image/png image/x-png', 'png'),
  family('image/gif', 'gif'),
  family('image/webp', 'webp'),
  family('image/avif', 'avif'),
  // Cameras name either one; the brand in the file tells little.
  family('image/heic image/heif image/heic-sequence image/heif-sequence', 'heic heif hif'),
  family('image/tiff image/tif image/x-tiff', 'tif tiff'),
  family('image/bmp image/x-bmp image/x-ms-bmp', 'bmp dib'),
  family('image/x-icon image/vnd.microsoft.icon image/ico', 'ico'),
  family(`${office}.wordprocessingml.document`, 'docx'),
  family(`${office}.spreadsheetml.sheet`, 'xlsx'),
  family(`${office}.presentationml.presentation`, 'pptx'),
  family('application/msword', 'doc dot'),
  family('application/vnd.ms-excel', 'xls xlt'),
  family('application/vnd.ms-powerpoint', 'ppt pps pot'),
  family('application/rtf text/rtf text/richtext', 'rtf'),
  family('application/zip application/x-zip-compressed application/x-zip', 'zip'),
  family('application/gzip application/x-gzip', 'gz tgz'),
  family('application/x-7z-compressed', '7z'),
  family('audio/mpeg audio/mp3 audio/x-mp3', 'mp3'),
  family('audio/mp4 audio/x-m4a audio/m4a', 'm4a'),
  family('audio/ogg audio/opus', 'ogg oga opus spx'),
  family('audio/wav audio/x-wav audio/wave audio/vnd.wave', 'wav'),
  family('audio/flac audio/x-flac', 'flac'),
  family('video/mp4 video/x-m4v', 'mp4 m4v'),
  family('video/quicktime', 'mov qt'),
  family('video/webm audio/webm', 'webm'),
  family('video/ogg', 'ogv ogg'),
  family('video/vnd.avi video/x-msvideo video/avi video/msvideo', 'avi'),
  family('video/matroska video/x-matroska', 'mkv'),
  family('text/csv application/csv text/x-csv text/comma-separated-values', 'csv'),
  family('text/tab-separated-values text/tsv', 'tsv'),
  family('text/markdown text/x-markdown', 'md markdown'),
  family('text/x-rst text/prs.fallenstein.rst', 'rst'),
  {
    type: plainText,
    synonyms: ['text/x-log'],
    endings: ['txt', 'text', 'log', 'md', 'markdown', 'rst', 'csv', 'tsv', ''],
  },
];

const byName: ReadonlyMap<string, Family> = new Map(
  families.flatMap((each) => [each.type, ...each.synonyms].map((name) => [name, each] as const)),
);

/** The one name of a media type, which has neither case nor parameters (RFC 9110 section 8.3.1). */
export const canonicalType = (given: string): string => {
  const essence = essenceOf(given);
  return byName.get(essence)?.type ?? essence;
};

/** The type of files with this ending, such as `jpg`. */
const typeOfEnding = (ending: string): string | undefined =>
  families.find(({ endings }) => ending !== '' && endings.includes(ending))?.type;

/** A type in a configuration: a media type, or the ending of its files. */
export const namedType = (given: string): string | null => {
  const name = given.toLowerCase();
  const type = typeOfEnding(name) ?? canonicalType(name);
  return /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(type) ? type : null;
};

/** In lower case and without its dot; empty where the name has none. */
const endingOf = (name: string): string => (/\.([^.]*)$/.exec(name)?.[1] ?? '').toLowerCase();

/** Windows declares tables by the program that opens them. */
const tables: readonly string[] = ['csv', 'tsv'];

/**
 * The allowed type that a declaration means, or null. Kinds of text are plain text where only that is allowed.
 * @param allowed canonical types
 */
export const declaredType = (given: string, name: string, allowed: readonly string[]): string | null => {
  const ending = endingOf(name);
  const canonical = canonicalType(given);
  const isTable = canonical === 'application/vnd.ms-excel' && tables.includes(ending);
  const type = isTable ? (typeOfEnding(ending) ?? canonical) : canonical;
  if (allowed.includes(type)) return type;
  const isText = byName.get(plainText)?.endings.some((each) => typeOfEnding(each) === type);
  return isText && allowed.includes(plainText) ? plainText : null;
};

/** The endings that serve for a type, with their dots; empty where any serves. */
export const endingsOf = (type: string): readonly string[] =>
  (byName.get(type)?.endings ?? []).filter(Boolean).map((ending) => `.${ending}`);

/** Whether the ending of the name fits the type: a PDF called `invoice.exe` would be run, not read. */
export const fitsType = (name: string, type: string): boolean =>
  byName.get(type)?.endings.includes(endingOf(name)) ?? true;

/** Which of the allowed types a name with this ending would have; undefined without an ending. */
export const typeForName = (name: string, allowed: readonly string[]): string | undefined =>
  allowed.find((type) => byName.has(type) && endingOf(name) !== '' && fitsType(name, type));

/** What browsers declare of files that their system does not know. */
const saysNothing: readonly string[] = ['', 'application/octet-stream'];

/** The allowed type that a declaration means, by the name of the file where it says nothing; or null. */
export const declaredOrNamedType = (given: string, name: string, allowed: readonly string[]): string | null =>
  declaredType(given, name, allowed) ??
  (saysNothing.includes(canonicalType(given)) ? (typeForName(name, allowed) ?? null) : null);
