import { zip } from '../../../test/support/files/zip.ts';
import { run } from '../commands.ts';
import type { Made, Producer } from '../sample.ts';
import {
  docx,
  entry,
  macroPart,
  macroRelation,
  officeRelations,
  relsXml,
  wordEntries,
  xml,
} from './package.ts';

const macroType = 'application/vnd.ms-word.document.macroEnabled.main+xml';
const excelMacroType = 'application/vnd.ms-excel.sheet.macroEnabled.main+xml';

const withMacro = (title: string, rels: string | Uint8Array, name = 'word/m.bin'): Made =>
  docx(title, [...wordEntries({ rels }), entry(name, macroPart)]);

const relation = (type: string, target = 'm.bin') =>
  `<Relationship Id="rId9" Type="${type}" Target="${target}"/>`;

const excelWithMacros = (): Made => ({
  title: 'an xlsm under another name',
  filename: 'table.xlsx',
  content: zip([
    entry(
      '[Content_Types].xml',
      `${xml}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${excelMacroType}"/></Types>`,
    ),
    entry('_rels/.rels', relsXml(relation(`${officeRelations}/officeDocument`, 'xl/workbook.xml'))),
    entry(
      'xl/workbook.xml',
      `${xml}<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>`,
    ),
    entry('xl/_rels/workbook.xml.rels', relsXml(relation(macroRelation, 'vbaProject.bin'))),
    entry('xl/vbaProject.bin', macroPart),
  ]),
});

/** UTF-7 has another spelling for the angle bracket: a reader that takes it for ASCII sees no element. */
const inUtf7 = (text: string): string =>
  text.replace('encoding="UTF-8"', 'encoding="UTF-7"').replaceAll('<Relationship ', '+ADw-Relationship ');

/** If this one were refused, the refusal of the others would say nothing. */
const control: Producer = {
  name: 'macros, control',
  wanted: 'accepted',
  make: async () => [docx('the document without a macro', wordEntries())],
};

const macros: Producer = {
  name: 'macros',
  wanted: 'refused',
  make: async () => {
    const plain = relsXml(relation(macroRelation));
    const utf16 = plain.replace('encoding="UTF-8"', 'encoding="UTF-16"');
    const ebcdic = await run('iconv', ['-f', 'UTF-8', '-t', 'IBM037'], {
      input: plain.replace('encoding="UTF-8"', 'encoding="IBM037"'),
    });
    return [
      docx('a docm under another name', [
        ...wordEntries({ mainType: macroType, rels: relsXml(relation(macroRelation, 'vbaProject.bin')) }),
        entry('word/vbaProject.bin', macroPart),
      ]),
      excelWithMacros(),
      docx('a vbaProject.bin that nothing refers to', [
        ...wordEntries(),
        entry('word/vbaProject.bin', macroPart),
      ]),
      withMacro('word/m.bin by its relationship', plain),
      withMacro(
        'word/m.bin, character references in the type',
        relsXml(relation(macroRelation.replace('vba', '&#118;b&#x61;'))),
      ),
      withMacro('word/m.bin, single quotes', plain.replaceAll('"', "'")),
      withMacro(
        'word/m.bin, a namespace prefix',
        `${xml}<r:Relationships xmlns:r="http://schemas.openxmlformats.org/package/2006/relationships"><r:Relationship Id="a" Type="${macroRelation}" Target="m.bin"/></r:Relationships>`,
      ),
      withMacro(
        'word/m.bin, an entity in the type',
        plain.replace('?>\n', '?>\n<!DOCTYPE r [<!ENTITY v "vbaProject">]>').replace('/vbaProject', '/&v;'),
      ),
      withMacro(
        'word/m.bin, attributes on lines of their own',
        plain.replaceAll(' Type=', '\n\tType\r\n=\n'),
      ),
      withMacro('rels in UTF-16 LE hide a macro', Buffer.from(`\ufeff${utf16}`, 'utf16le')),
      withMacro('rels in UTF-16 BE without a mark hide a macro', Buffer.from(utf16, 'utf16le').swap16()),
      withMacro('rels in UTF-7 hide a macro', inUtf7(plain)),
      withMacro('rels in EBCDIC hide a macro', ebcdic),
      docx('the main type of a docm in UTF-16', [
        entry('[Content_Types].xml', Buffer.from(`\ufeff${xml}<Types/>${macroType}`, 'utf16le')),
        ...wordEntries().slice(1),
        entry('word/vbaProjekt.bin', macroPart),
      ]),
    ];
  },
};

const template = (title: string, target: string): Made =>
  docx(title, [
    ...wordEntries({ rels: relsXml(relation(`${officeRelations}/settings`, 'settings.xml')) }),
    entry(
      'word/settings.xml',
      `${xml}<w:settings xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="${officeRelations}"><w:attachedTemplate r:id="rId1"/></w:settings>`,
    ),
    entry(
      'word/_rels/settings.xml.rels',
      relsXml(
        `<Relationship Id="rId1" Type="${officeRelations}/attachedTemplate" Target="${target}" TargetMode="External"/>`,
      ),
    ),
  ]);

const external = (title: string, type: string, target: string): Made =>
  docx(
    title,
    wordEntries({
      rels: relsXml(
        `<Relationship Id="rId9" Type="${officeRelations}/${type}" Target="${target}" TargetMode="External"/>`,
      ),
    }),
  );

const templates: Producer = {
  name: 'templates',
  wanted: 'refused',
  make: async () => [
    template('a template by http', 'http://example.com/t.dotm'),
    template('a template by a UNC path', '\\\\example.com\\share\\t.dotm'),
    template('a template by file:', 'file://///example.com/share/t.dotm'),
    template('a template by "ht&#9;tps:"', 'ht&#9;tps://example.com/t.dotm'),
    template('a template by "&#x68;ttp:"', '&#x68;ttp://example.com/t.dotm'),
    template('a template by mhtml:', 'mhtml:https://example.com/t!x-usc:https://example.com/t'),
    external('a frame by http', 'frame', 'http://example.com/f.docx'),
    external(
      'an OLE object by http',
      'oleObject',
      'mhtml:http://example.com/o.html!x-usc:http://example.com/o',
    ),
  ],
};

export const macroProducers: readonly Producer[] = [control, macros, templates];
