const encoder = new TextEncoder();

/** The limit of file systems for one name. */
const maxBytes = 255;

/**
 * Invisible characters, and those that change the order of the rest, so that `exe.fdp` looks like `pdf.exe`. Joiners
 * and variation selectors are allowed: Persian, Mongolian and emoji need them.
 */
const unseen =
  /[\p{Bidi_Control}[\p{Default_Ignorable_Code_Point}--[\u200c\u200d\ufe00-\ufe0f\u180b-\u180d\u180f]]]/v;

/** Of these, the ones that systems write into honest names, such as the soft hyphen of macOS: all that do not reorder. */
const harmless =
  /[\p{Default_Ignorable_Code_Point}--[\u200c\u200d\ufe00-\ufe0f\u180b-\u180d\u180f\u202a-\u202e\u2066-\u2069]]+/gv;

/** In an ending nothing needs a joiner or a variation selector. */
const harmlessInEnding = /[\p{Default_Ignorable_Code_Point}--[\u202a-\u202e\u2066-\u2069]]+/gv;

/**
 * A file name as it is judged, stored and handed out: without harmless invisible characters, and without the blanks
 * around it that Windows and browsers drop.
 */
export const cleanFileName = (given: string): string => {
  const name = given.replaceAll(harmless, '').trim();
  const dot = name.lastIndexOf('.');
  if (dot === -1) return name;
  return `${name.slice(0, dot)}${name.slice(dot).replaceAll(harmlessInEnding, '')}`.trim();
};

/** Windows reads these names as devices, with any ending. */
const device = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³])\s*(?:[.:]|$)/i;

const rules: readonly (readonly [RegExp, string])[] = [
  [/[/\\]/, 'must not contain / or \\'],
  [/[\p{Cc}\u2028\u2029]/u, 'must not contain control characters'],
  [unseen, 'must not contain invisible characters, or characters that change the order of others'],
  [/^[\s.\p{Default_Ignorable_Code_Point}]*$/u, 'must have a name'],
  // Windows drops dots and blanks at the end, and browsers those at the beginning: the file would get another name.
  [/^\s|[\s.]$/u, 'must not begin or end with a blank, or end with a dot'],
  [device, 'must not be the name of a device, such as CON or COM1'],
];

/** Why a file name is refused, or null (OWASP File Upload Cheat Sheet). */
export const fileNameFlaw = (name: string): { code: string; detail: string } | null => {
  if (encoder.encode(name).byteLength > maxBytes)
    return { code: 'too_long', detail: `at most ${maxBytes} bytes of UTF-8` };
  const broken = rules.find(([pattern]) => pattern.test(name));
  return broken ? { code: 'not_a_file_name', detail: broken[1] } : null;
};

/** RFC 8187 section 3.2.1: everything except attr-char is percent-encoded. */
const extendedValue = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/**
 * The Content-Disposition of a download (RFC 6266). The plain parameter is for old clients: printable ASCII without
 * quotes, backslashes and per cent signs, which some of them would decode (appendix D).
 */
export const attachmentOf = (name: string): string => {
  const plain = name.toWellFormed().replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_');
  return `attachment; filename="${plain}"; filename*=UTF-8''${extendedValue(name.toWellFormed())}`;
};
