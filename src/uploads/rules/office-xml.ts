/** A start tag: its name without its prefix, and its attributes as they are written. Other marks have no name. */
export type XmlElement = {
  readonly name: string;
  readonly prefix: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Its characters in the file. */
  readonly length: number;
};

/** Encodings in which marks and names are written as in ASCII; UTF-16 shows itself by its first bytes. */
const plainEncodings = ['utf-8', 'utf8', 'us-ascii', 'ascii', 'iso-8859-1', 'windows-1252', 'utf-16'];

/** The encoding that the first bytes show (XML 1.0, appendix F). */
export const encodingOf = ([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' => {
  if ((first === 0xff && second === 0xfe) || (first === 0x3c && second === 0)) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c)) return 'utf-16be';
  return 'utf-8';
};

/** Whether a text is XML as the readers of documents take it; in UTF-7 or EBCDIC, tags could hide. */
export const isPlainXml = (text: string): boolean => {
  const head = text.slice(0, 1024).trimStart();
  // The declaration is short; padded with blanks, it could name its encoding where nobody looks.
  if (head.startsWith('<?xml') && !head.includes('?>')) return false;
  // XML 1.1 has other line breaks, so its readers would see attributes that a reader of XML 1.0 does not.
  if (/^<\?xml\s[^>]*?\bversion\s*=\s*["'](?!1\.0["'])/.test(head)) return false;
  const [, declared = 'utf-8'] = /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"']*)["']/.exec(head) ?? [];
  return head.startsWith('<') && plainEncodings.includes(declared.toLowerCase()) && !text.includes('\0');
};

const maxAttributes = 64;
/** Of a name, and of blanks in a row. */
const maxRun = 4096;
const isBlank = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13;
/** What ends a name: blanks, and `/ = > < " '`. */
const endsName = (code: number): boolean => isBlank(code) || [47, 61, 62, 60, 34, 39].includes(code);
const elementOf = (name: string, attributes: XmlElement['attributes'], length: number): XmlElement => {
  const colon = name.indexOf(':');
  return { name: name.slice(colon + 1), prefix: name.slice(0, Math.max(0, colon)), attributes, length };
};
const noAttributes: XmlElement['attributes'] = new Map();

/** Reads the tag whose name begins at `start`. @returns the element and where it ends, or null */
const readTag = (text: string, start: number): { element: XmlElement; end: number } | null => {
  let at = start;
  const skip = (matches: (code: number) => boolean): number => {
    const from = at;
    const limit = Math.min(text.length, at + maxRun);
    while (at < limit && matches(text.charCodeAt(at))) at++;
    return from;
  };
  const readName = (): string =>
    text.slice(
      skip((code) => !endsName(code)),
      at,
    );

  const name = readName();
  if (name === '') return null;
  const attributes = new Map<string, string>();
  for (let count = 0; count <= maxAttributes; count++) {
    skip(isBlank);
    if (text[at] === '/') at++;
    if (text[at] === '>') return { element: elementOf(name, attributes, at + 1 - start), end: at + 1 };
    const attribute = readName();
    skip(isBlank);
    if (attribute === '' || text[at] !== '=') return null;
    at++;
    skip(isBlank);
    const quote = text[at];
    if (quote !== '"' && quote !== "'") return null;
    const end = text.indexOf(quote, at + 1);
    if (end === -1 || attributes.has(attribute)) return null;
    const value = text.slice(at + 1, end);
    if (value.includes('<')) return null;
    attributes.set(attribute, value);
    at = end + 1;
  }
  return null;
};

/** Comments, instructions and end tags: what they begin and end with. */
const otherMarks = [
  ['<!--', '-->'],
  ['<?', '?>'],
  ['</', '>'],
] as const;

/**
 * The start tags of a text in linear time, and an element without a name for each other mark, because these cost time too.
 * Null, and then no more, where it is not well formed or has a DTD or CDATA, in which readers see other elements than we.
 */
export function* elementsOf(text: string): Generator<XmlElement | null, void> {
  for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at)) {
    const [opening, closing] = otherMarks.find(([start]) => text.startsWith(start, at)) ?? [];
    if (opening && closing) {
      const end = text.indexOf(closing, at + opening.length);
      if (end === -1) return yield null;
      yield elementOf('', noAttributes, end + closing.length - at);
      at = end + closing.length;
      continue;
    }
    if (text.startsWith('<!', at)) return yield null;
    const tag = readTag(text, at + 1);
    if (!tag) return yield null;
    yield tag.element;
    at = tag.end;
  }
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The value of an attribute, with its references resolved. */
export const resolveReferences = (written: string): string =>
  written
    .replaceAll(
      /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
      (reference, decimal?: string, hex?: string, name = '') => {
        if (!decimal && !hex) return named[name] ?? reference;
        const code = decimal ? Number(decimal) : Number(`0x${hex}`);
        return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
      },
    )
    .trim();
