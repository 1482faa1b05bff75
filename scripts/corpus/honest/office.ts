import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, run, runPython } from '../commands.ts';
import type { Producer } from '../sample.ts';

const letter = `<!doctype html><meta charset="utf-8"><title>A letter</title>
<h1>A letter</h1><p>To <a href="https://example.com/">a page</a>, with <b>bold</b> words.</p>
<table border="1"><tr><td>one</td><td>two</td></tr></table>`;

const rows = 'name,price\nÄgypten,12.5\n"a, b",7\n';

/** A presentation in LibreOffice's flat XML: one slide with one line. */
const slides = `<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.2"
 office:mimetype="application/vnd.oasis.opendocument.presentation"><office:body><office:presentation>
<draw:page draw:name="one"><draw:frame svg:x="2cm" svg:y="2cm" svg:width="10cm" svg:height="3cm"><draw:text-box>
<text:p>A slide</text:p></draw:text-box></draw:frame></draw:page>
</office:presentation></office:body></office:document>`;

/** One conversion at a time: two of them would share a profile. */
const convert = (folder: string, to: string, source: string, filter?: string): Promise<Buffer> =>
  run(
    'soffice',
    [
      `-env:UserInstallation=file://${join(folder, 'profile')}`,
      ...['--headless', ...(filter ? [`--infilter=${filter}`] : [])],
      ...['--convert-to', to, '--outdir', folder, join(folder, source)],
    ],
    { cwd: folder },
  );

const libreOffice: Producer = {
  name: 'LibreOffice',
  wanted: 'accepted',
  make: async (folder) => {
    await writeFile(join(folder, 'letter.html'), letter);
    await writeFile(join(folder, 'rows.csv'), rows);
    await writeFile(join(folder, 'slides.fodp'), slides);
    await convert(folder, 'docx:MS Word 2007 XML', 'letter.html', 'HTML (StarWriter)');
    await convert(folder, 'pdf', 'letter.docx');
    await convert(folder, 'xlsx:Calc MS Excel 2007 XML', 'rows.csv');
    await convert(folder, 'pptx:Impress MS PowerPoint 2007 XML', 'slides.fodp');
    await mkdir(join(folder, 'tables'));
    await rename(join(folder, 'rows.csv'), join(folder, 'tables', 'rows.csv'));
    await convert(folder, 'csv', 'rows.xlsx');
    return collect(folder, {
      'letter.docx': 'a letter',
      'letter.pdf': 'a letter',
      'rows.xlsx': 'a table',
      'rows.csv': 'a table',
      'slides.pptx': 'a presentation',
    });
  },
};

const python = (
  name: string,
  program: string,
  library: string,
  files: Readonly<Record<string, string>>,
): Producer => ({
  name,
  wanted: 'accepted',
  make: async (folder) => {
    await runPython(program, library, folder);
    return collect(folder, files);
  },
});

export const officeProducers: readonly Producer[] = [
  libreOffice,
  python('python-docx', 'docx_file', 'docx', { 'letter.docx': 'a letter with a table' }),
  python('openpyxl', 'openpyxl_file', 'openpyxl', {
    'chart.xlsx': 'a chart, a comment and a link',
    'write-only.xlsx': '5,000 rows, written as a stream',
  }),
  python('python-pptx', 'pptx_file', 'pptx', { 'show.pptx': 'a slide with a note' }),
];
