import { constants, crc32, deflateRawSync } from 'node:zlib';
import { docxType, type ZipPart, zip } from '../../../test/support/files/zip.ts';
import type { Made } from '../sample.ts';

/** An entry, deflated. */
export const entry = (name: string, content: string | Uint8Array): ZipPart & { readonly name: string } => {
  const bytes = Buffer.from(content as Uint8Array);
  const size = bytes.length;
  const packed = deflateRawSync(bytes, { level: constants.Z_BEST_COMPRESSION });
  return { name, content: packed, crc: crc32(bytes), size, method: 8 };
};

export const xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const relations = 'http://schemas.openxmlformats.org/package/2006/relationships';
export const officeRelations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
export const macroRelation = 'http://schemas.microsoft.com/office/2006/relationships/vbaProject';

const typesXml = (main: string, rest: string): string =>
  `${xml}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Default Extension="bin" ContentType="application/octet-stream"/><Override PartName="/word/document.xml" ContentType="${main}"/>${rest}</Types>`;

export const relsXml = (inside: string): string =>
  `${xml}<Relationships xmlns="${relations}">${inside}</Relationships>`;

const paragraph = '<w:p><w:r><w:t>A letter.</w:t></w:r></w:p>';
const documentXml = `${xml}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${paragraph}</w:body></w:document>`;

type Changes = { readonly mainType?: string; readonly types?: string; readonly rels?: string | Uint8Array };

/** The entries of a Word document; without changes it is an honest one. */
export const wordEntries = ({ mainType, types = '', rels }: Changes = {}) => [
  entry('[Content_Types].xml', typesXml(mainType ?? `${docxType}.main+xml`, types)),
  entry(
    '_rels/.rels',
    relsXml(`<Relationship Id="rId1" Type="${officeRelations}/officeDocument" Target="word/document.xml"/>`),
  ),
  entry('word/document.xml', documentXml),
  ...(rels === undefined ? [] : [entry('word/_rels/document.xml.rels', rels)]),
];

export const docx = (title: string, entries: readonly ZipPart[]): Made => ({
  title,
  filename: 'letter.docx',
  content: zip(entries),
});

/** What a macro is kept in: the beginning of a compound file. */
export const macroPart = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(2040)]);
