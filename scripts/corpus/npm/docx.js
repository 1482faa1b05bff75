import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Document, ExternalHyperlink, Footer, ImageRun, Packer, Paragraph, TextRun } from 'docx';

const [folder] = process.argv.slice(2);
// One red pixel.
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const link = new ExternalHyperlink({ link: 'https://example.com/a?b=c', children: [new TextRun('a link')] });
const image = new ImageRun({ type: 'png', data: pixel, transformation: { width: 40, height: 40 } });
const document = new Document({
  sections: [
    {
      footers: { default: new Footer({ children: [new Paragraph('A footer')] }) },
      children: [
        new Paragraph('A page by docx.'),
        new Paragraph({ children: [link] }),
        new Paragraph({ children: [image] }),
      ],
    },
  ],
});
await writeFile(join(folder, 'letter.docx'), await Packer.toBuffer(document));
