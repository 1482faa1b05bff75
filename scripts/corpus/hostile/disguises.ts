import { readFile } from 'node:fs/promises';
import { zip } from '../../../test/support/files/zip.ts';
import type { Made, Producer } from '../sample.ts';
import { Missing } from '../sample.ts';
import { entry, relsXml, xml } from './package.ts';

const types = (inside: string) =>
  entry(
    '[Content_Types].xml',
    `${xml}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${inside}</Types>`,
  );

const appx = zip([
  types('<Default Extension="exe" ContentType="application/x-msdownload"/>'),
  entry('AppxManifest.xml', `${xml}<Package/>`),
  entry('AppxBlockMap.xml', `${xml}<BlockMap/>`),
  entry('app.exe', 'MZ'),
]);

const xps = zip([
  types(
    '<Default Extension="fdseq" ContentType="application/vnd.ms-package.xps-fixeddocumentsequence+xml"/>',
  ),
  entry(
    '_rels/.rels',
    relsXml(
      '<Relationship Id="a" Type="http://schemas.microsoft.com/xps/2005/06/fixedrepresentation" Target="/d.fdseq"/>',
    ),
  ),
  entry('d.fdseq', `${xml}<FixedDocumentSequence/>`),
]);

/** The headers of a Windows program. */
const windowsProgram = (start = ''): Buffer => {
  const program = Buffer.alloc(1024);
  program.write(`MZ${start}`, 'latin1');
  program.writeUInt32LE(0x80, 0x3c);
  program.write('PE\0\0d\x86', 0x80, 'latin1');
  return program;
};

const names = ['page.pdf', 'picture.jpg', 'letter.docx', 'text.txt'];
const under = (title: string, content: Uint8Array, as = names): Made[] =>
  as.map((filename) => ({ title, filename, content }));

const brokenPdfs = (): Made[] => {
  const pdf = Buffer.from('%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');
  return [
    {
      title: 'a PDF behind a program',
      filename: 'page.pdf',
      content: Buffer.concat([windowsProgram(), pdf]),
    },
    { title: 'half a PDF', filename: 'page.pdf', content: pdf.subarray(0, 30) },
  ];
};

const disguises: Producer = {
  name: 'disguises',
  wanted: 'refused',
  make: async () => [
    ...under('an appx', appx, ['letter.docx', 'table.xlsx']),
    ...under('an XPS', xps, ['letter.docx']),
    ...under('a Windows program', windowsProgram()),
    ...under('a shell script', Buffer.from('#!/bin/sh\nid\n'), ['page.pdf', 'picture.jpg', 'letter.docx']),
    ...under('a ZIP', zip([entry('a.txt', 'A text.')]), ['letter.docx', 'page.pdf', 'table.xlsx']),
    ...brokenPdfs(),
  ],
};

const program: Producer = {
  name: '/bin/true',
  wanted: 'refused',
  make: async () => {
    const content = await readFile('/bin/true').catch(() => null);
    if (content === null) throw new Missing('there is no /bin/true');
    return under('a program of this system', content);
  },
};

export const disguiseProducers: readonly Producer[] = [disguises, program];
