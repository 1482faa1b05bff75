export type ZipPart = {
  readonly name: string;
  readonly content?: Uint8Array;
  /** What the table of contents says, true or not. */
  readonly size?: number;
  readonly compressedSize?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly offset?: number;
};

const encoder = new TextEncoder();

const join = (pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const joined = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.byteLength;
  }
  return joined;
};

const record = (length: number, fields: readonly (readonly [at: number, bytes: 2 | 4, value: number])[]) => {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [at, size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return bytes;
};

/** An archive of stored entries, written by hand so that it can lie; `before` and `after` share the file with it. */
export const zip = (
  parts: readonly ZipPart[],
  { before = new Uint8Array(), after = new Uint8Array(), comment = '' } = {},
): Uint8Array<ArrayBuffer> => {
  const files: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const name = encoder.encode(part.name);
    const content = part.content ?? new Uint8Array();
    const method = part.method ?? 0;
    const sizes = { compressed: part.compressedSize ?? content.length, whole: part.size ?? content.length };
    const local = record(30, [
      [0, 4, 0x04034b50],
      [6, 2, part.flags ?? 0],
      [8, 2, method],
      [18, 4, sizes.compressed],
      [22, 4, sizes.whole],
      [26, 2, name.length],
    ]);
    const entry = record(46, [
      [0, 4, 0x02014b50],
      [8, 2, part.flags ?? 0],
      [10, 2, method],
      [20, 4, sizes.compressed],
      [24, 4, sizes.whole],
      [28, 2, name.length],
      [42, 4, part.offset ?? offset],
    ]);
    files.push(local, name, content);
    directory.push(entry, name);
    offset += local.length + name.length + content.length;
  }
  const table = join(directory);
  const text = encoder.encode(comment);
  const end = record(22, [
    [0, 4, 0x06054b50],
    [8, 2, parts.length],
    [10, 2, parts.length],
    [12, 4, table.length],
    [16, 4, offset],
    [20, 2, text.length],
  ]);
  return join([before, ...files, table, end, text, after]);
};

const part = (name: string, text: string): ZipPart => ({ name, content: encoder.encode(text) });

/** The least that is a Word document. */
export const docxParts: readonly ZipPart[] = [
  part('[Content_Types].xml', '<Types/>'),
  part('_rels/.rels', '<Relationships/>'),
  part('word/document.xml', '<w:document/>'),
];

export const docxType = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
