import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PDFDocument, StandardFonts } from 'pdf-lib';

const [folder] = process.argv.slice(2);
const document = await PDFDocument.create();
const font = await document.embedFont(StandardFonts.TimesRoman);
document.addPage().drawText('A page by pdf-lib.', { x: 50, y: 500, font, size: 24 });
const form = document.getForm();
form.createTextField('name').addToPage(document.addPage(), { x: 50, y: 500 });
await writeFile(join(folder, 'streams.pdf'), await document.save());
await writeFile(join(folder, 'plain.pdf'), await document.save({ useObjectStreams: false }));
