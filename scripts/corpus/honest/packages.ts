import { collect, installPackages, runPackage } from '../commands.ts';
import { Missing, type Producer } from '../sample.ts';

const written: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'pdf-lib': { 'streams.pdf': 'object streams and a form', 'plain.pdf': 'no object streams' },
  pdfkit: { 'plain.pdf': 'two pages', 'tagged.pdf': 'tagged, PDF 1.7' },
  docx: { 'letter.docx': 'a link, an image and a footer' },
  xlsx: { 'stored.xlsx': 'entries stored', 'packed.xlsx': 'entries deflated', 'table.csv': 'a table' },
  exceljs: { 'book.xlsx': 'a note in VML and a link', 'streamed.xlsx': '2,000 rows, written as a stream' },
  sharp: {
    'mozjpeg.jpg': 'mozjpeg',
    'palette.png': 'a palette',
    'lossless.webp': 'lossless',
    'lossy.webp': 'with metadata',
    'one.gif': 'one frame',
    'pyramid.tiff': 'tiles and a pyramid',
  },
};

/** Writers from npm. @param packages a folder of the drill, where they are installed once */
export const packageProducers = (packages: string): readonly Producer[] => {
  let installed: Promise<string | null> | undefined;
  return Object.entries(written).map(([name, files]) => ({
    name,
    wanted: 'accepted',
    make: async (folder) => {
      installed ??= installPackages(packages);
      const reason = await installed;
      if (reason !== null) throw new Missing(reason);
      await runPackage(name, packages, folder);
      return collect(folder, files);
    },
  }));
};
