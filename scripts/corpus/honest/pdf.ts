import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findChromium } from '../../../test/support/node/browser.ts';
import { collect, imageMagick, run } from '../commands.ts';
import { Missing, type Producer } from '../sample.ts';

const page = `<!doctype html><meta charset="utf-8"><title>A page</title><h1>Überschrift</h1>
<p>A page with <a href="https://example.com/">a link</a> and a picture:</p>
<svg width="90" height="90"><circle cx="45" cy="45" r="40" fill="teal"/></svg>`;

const postScript = '%!PS\n/Times-Roman findfont 24 scalefont setfont 72 700 moveto (A page.) show showpage\n';

const chromium: Producer = {
  name: 'Chromium',
  wanted: 'accepted',
  make: async (folder) => {
    const program = findChromium();
    if (program === null) throw new Missing('chromium is not installed');
    await writeFile(join(folder, 'page.html'), page);
    const address = pathToFileURL(join(folder, 'page.html')).href;
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      `--user-data-dir=${join(folder, 'profile')}`,
    ];
    await run(program, [...flags, `--print-to-pdf=${join(folder, 'page.pdf')}`, address], { cwd: folder });
    return collect(folder, { 'page.pdf': 'print to PDF' });
  },
};

/** The PDF that qpdf works on. */
const writePdf = async (folder: string, options: readonly string[] = [], name = 'page.pdf') => {
  const device = ['-q', '-dNOPAUSE', '-dBATCH', '-dSAFER', '-sDEVICE=pdfwrite', ...options];
  await run('gs', [...device, `-sOutputFile=${join(folder, name)}`, '-'], { cwd: folder, input: postScript });
};

const ghostscript: Producer = {
  name: 'Ghostscript',
  wanted: 'accepted',
  make: async (folder) => {
    await writePdf(folder);
    await writePdf(folder, ['-dPDFA=2', '-dCompatibilityLevel=1.4'], 'archive.pdf');
    return collect(folder, { 'page.pdf': 'pdfwrite', 'archive.pdf': 'PDF 1.4 for archives' });
  },
};

const variants: Readonly<Record<string, readonly [title: string, args: readonly string[]]>> = {
  'linearized.pdf': ['linearized', ['--linearize']],
  'streams.pdf': ['object streams', ['--object-streams=generate']],
  'qdf.pdf': ['QDF, uncompressed', ['--qdf']],
  'owner.pdf': ['encrypted with an owner password, AES-256', ['--encrypt', '', 'owner', '256', '--']],
  'owner-128.pdf': [
    'encrypted with an owner password, AES-128',
    ['--encrypt', '', 'owner', '128', '--use-aes=y', '--'],
  ],
};

const qpdf: Producer = {
  name: 'qpdf',
  wanted: 'accepted',
  make: async (folder) => {
    await writePdf(folder);
    for (const [name, [, args]] of Object.entries(variants))
      await run('qpdf', [...args, 'page.pdf', name], { cwd: folder });
    const titles = Object.entries(variants).map(([name, [title]]) => [name, title]);
    return collect(folder, Object.fromEntries(titles));
  },
};

const img2pdf: Producer = {
  name: 'img2pdf',
  wanted: 'accepted',
  make: async (folder) => {
    await run(imageMagick, ['-size', '200x100', 'plasma:', 'picture.jpg'], { cwd: folder });
    await run('img2pdf', ['picture.jpg', '-o', 'picture.pdf'], { cwd: folder });
    return collect(folder, { 'picture.pdf': 'a JPEG on a page' });
  },
};

export const pdfProducers: readonly Producer[] = [chromium, ghostscript, qpdf, img2pdf];
