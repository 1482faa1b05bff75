import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import PDFDocument from 'pdfkit';

const [folder] = process.argv.slice(2);
const variants = { 'plain.pdf': {}, 'tagged.pdf': { pdfVersion: '1.7', tagged: true, lang: 'en' } };
for (const [name, options] of Object.entries(variants)) {
  const document = new PDFDocument(options);
  const file = createWriteStream(join(folder, name));
  document.pipe(file);
  document.fontSize(24).text('A page by PDFKit.').addPage().circle(200, 200, 80).fill('#1199ee');
  document.end();
  await finished(file);
}
