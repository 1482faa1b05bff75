import { deflateRaw } from 'pako';

/** What a header says of an entry, true or not; what is not given is true. */
type ZipClaims = {
  readonly name?: string;
  readonly size?: number;
  readonly compressedSize?: number;
  readonly crc?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly extra?: Uint8Array;
  /** The mode of a file on Unix. */
  readonly mode?: number;
};

export type ZipPart = ZipClaims & {
  readonly name: string;
  /** As it lies in the archive: packed already where `method` says so. */
  readonly content?: Uint8Array;
  /** What its own header says, where that differs from the directory. */
  readonly local?: ZipClaims;
  /** Bytes behind the content, such as a descriptor. */
  readonly behind?: Uint8Array;
  readonly offset?: number;
  /** Whether the directory knows it. */
  readonly isHidden?: boolean;
};

const encoder = new TextEncoder();

export const join = (pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const joined = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
};

/** Little-endian numbers of two, four or eight bytes, one behind the other. */
export const numbers = (...fields: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]) =>
  join(
    fields.map(([bytes, value]) => {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, BigInt(value), true);
      return new Uint8Array(view.buffer, 0, bytes);
    }),
  );

const crcOf = (content: Uint8Array): number => {
  let crc = 0xffffffff;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0xedb88320);
  }
  return ~crc >>> 0;
};

/** A text, deflated. */
export const packed = (name: string, text: string): ZipPart & { crc: number; size: number } => {
  const content = encoder.encode(text);
  return { name, content: deflateRaw(content), crc: crcOf(content), size: content.length, method: 8 };
};

const claimsOf = ({ name, content = new Uint8Array(), ...part }: ZipPart) => ({
  name,
  size: part.size ?? content.length,
  compressedSize: part.compressedSize ?? content.length,
  crc: part.crc ?? crcOf(content),
  flags: part.flags ?? 0,
  method: part.method ?? 0,
  extra: part.extra ?? new Uint8Array(),
  mode: part.mode ?? 0,
});

/** What both headers have in common. */
const common = ({ name, flags, method, crc, compressedSize, size, extra }: Required<ZipClaims>) =>
  numbers(
    [2, 20],
    [2, flags],
    [2, method],
    [4, 0],
    [4, crc],
    [4, compressedSize],
    [4, size],
    [2, encoder.encode(name).length],
    [2, extra.length],
  );

/** The descriptor of an entry, as most writers have it. */
const descriptorOf = (
  part: ZipPart,
  { isSigned = true, bytes = 4 as 4 | 8 } = {},
): Uint8Array<ArrayBuffer> => {
  const { crc, compressedSize, size } = claimsOf(part);
  const said = numbers([4, crc], [bytes, compressedSize], [bytes, size]);
  return isSigned ? join([numbers([4, 0x08074b50]), said]) : said;
};

/** An entry of a writer that does not know its length in advance: no sizes in front, and a descriptor behind. */
export const streamed = (part: ZipPart, descriptor = descriptorOf(part)): ZipPart => ({
  ...part,
  flags: 8,
  local: { crc: 0, size: 0, compressedSize: 0 },
  behind: descriptor,
});

const none = new Uint8Array();

/** An archive, written by hand so that it can lie; what is `before`, `between` and `after` shares the file with it. */
export const zip = (
  parts: readonly ZipPart[],
  {
    before = none,
    between = none,
    after = none,
    comment = '',
    isWide = false,
    end: said = {} as { readonly entryCount?: number; readonly offset?: number; readonly length?: number },
  } = {},
): Uint8Array<ArrayBuffer> => {
  const files: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const claims = claimsOf(part);
    const local = { ...claims, ...part.local };
    const file = join([
      numbers([4, 0x04034b50]),
      common(local),
      encoder.encode(local.name),
      local.extra,
      part.content ?? none,
      part.behind ?? none,
    ]);
    files.push(file);
    if (!part.isHidden)
      directory.push(
        numbers([4, 0x02014b50], [2, claims.mode ? 0x0314 : 20]),
        common(claims),
        numbers([2, 0], [2, 0], [2, 0], [4, claims.mode * 65_536], [4, part.offset ?? offset]),
        encoder.encode(claims.name),
        claims.extra,
      );
    offset += file.length;
  }
  const table = join(directory);
  const text = encoder.encode(comment);
  const count = said.entryCount ?? parts.filter(({ isHidden }) => !isHidden).length;
  const [tableLength, tableOffset] = [said.length ?? table.length, said.offset ?? offset + between.length];
  const end64 = join([
    numbers([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count]),
    numbers([8, tableLength], [8, tableOffset]),
    numbers([4, 0x07064b50], [4, 0], [8, offset + between.length + table.length], [4, 1]),
  ]);
  const end = isWide
    ? join([numbers([4, 0x06054b50]), new Uint8Array(16).fill(0xff)])
    : numbers([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, tableLength], [4, tableOffset]);
  return join([
    before,
    ...files,
    between,
    table,
    isWide ? end64 : none,
    end,
    numbers([2, text.length]),
    text,
    after,
  ]);
};

export const docxType = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

/** What `[Content_Types].xml` of a document with one part says. */
export const contentTypes = (type = `${docxType}.main+xml`, rest = ''): string =>
  `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="${type}"/>${rest}</Types>`;

const packageTypes = 'http://schemas.openxmlformats.org/package/2006/relationships';
export const officeTypes = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';

/** The relationships of a package: by default the one to its main part, and those that are added. */
export const relationships = (
  rest = '',
  main = `<Relationship Id="r1" Type="${officeTypes}/officeDocument" Target="word/document.xml"/>`,
): string => `<?xml version="1.0"?><Relationships xmlns="${packageTypes}">${main}${rest}</Relationships>`;

/** The least that is a Word document. */
export const docxParts: readonly ZipPart[] = [
  packed('[Content_Types].xml', contentTypes()),
  packed('_rels/.rels', relationships()),
  packed('word/document.xml', '<w:document/>'),
];
