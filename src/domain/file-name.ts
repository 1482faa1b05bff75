const encoder = new TextEncoder();

/** As many bytes as file systems take in one name. */
const maxBytes = 255;

/** U+061C, U+200E and U+200F, and the embeddings, overrides and isolates: with them `exe.fdp` is shown as `pdf.exe`. */
const bidirectionalControl = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** What is wrong with a name that a file is to be kept under, or null (OWASP File Upload Cheat Sheet). */
export const fileNameFlaw = (name: string): { code: string; detail: string } | null => {
  if (encoder.encode(name).byteLength > maxBytes)
    return { code: 'too_long', detail: `at most ${maxBytes} bytes of UTF-8` };
  if (/[/\\]/.test(name)) return { code: 'not_a_file_name', detail: 'must not contain / or \\' };
  if (/[\p{Cc}\u2028\u2029]/u.test(name) || bidirectionalControl.test(name))
    return { code: 'not_a_file_name', detail: 'must not contain control characters' };
  if (/^[\s.]*$/u.test(name)) return { code: 'not_a_file_name', detail: 'must have a name' };
  return null;
};

/** Endings that may stand for a type; a type that is not here may have any. */
const endings: Readonly<Record<string, readonly string[]>> = {
  'application/pdf': ['pdf'],
  'image/png': ['png'],
  'image/jpeg': ['jpg', 'jpeg', 'jpe'],
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': ['docx'],
  'text/plain': ['txt', 'text', 'md', 'log', 'csv', 'tsv'],
};

/** Whether a file of this name opens as its type says: a PDF called `invoice.exe` would be run, not read. */
export const fitsType = (name: string, contentType: string): boolean => {
  const allowed = endings[contentType];
  const [, ending = ''] = /\.([^.]*)$/.exec(name) ?? [];
  return !allowed || allowed.includes(ending.toLowerCase().trim());
};

/** RFC 8187 section 3.2.1: everything but attr-char is percent-encoded. */
const extendedValue = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/**
 * Content-Disposition of a download (RFC 6266). The plain parameter is for clients that know no other: printable
 * ASCII without quotes, backslashes and per cent signs, which some would decode (appendix D).
 */
export const attachmentOf = (name: string): string => {
  const plain = name.toWellFormed().replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_');
  return `attachment; filename="${plain}"; filename*=UTF-8''${extendedValue(name.toWellFormed())}`;
};
