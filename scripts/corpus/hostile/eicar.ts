import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eicar } from '../../../src/platform/scanners/builtin.ts';
import { zip } from '../../../test/support/files/zip.ts';
import { collect, run } from '../commands.ts';
import type { Producer } from '../sample.ts';
import { docx, entry, wordEntries } from './package.ts';

const bytes = Buffer.from(eicar);

const own: Producer = {
  name: 'EICAR',
  wanted: 'refused',
  make: async () => [
    { title: 'alone', filename: 'eicar.txt', content: bytes },
    {
      title: 'behind 3 MB of text',
      filename: 'long.txt',
      content: Buffer.concat([Buffer.alloc(3_000_000, 'All work and no play.\n'), bytes]),
    },
    docx('in a docx, deflated', [...wordEntries(), entry('word/media/image1.png', bytes)]),
    docx('in a docx, stored', [...wordEntries(), { name: 'word/media/image1.png', content: bytes }]),
    {
      title: 'in a ZIP in a ZIP',
      filename: 'outer.zip',
      content: zip([entry('inner.zip', zip([entry('eicar.com', bytes)]))]),
    },
  ],
};

const archives: Producer = {
  name: 'EICAR by zip, 7z',
  wanted: 'refused',
  make: async (folder) => {
    await writeFile(join(folder, 'eicar.com'), bytes);
    await run('zip', ['-q', 'eicar.zip', 'eicar.com'], { cwd: folder });
    await run('7z', ['a', 'eicar.7z', 'eicar.com'], { cwd: folder });
    return collect(folder, { 'eicar.zip': 'in a ZIP', 'eicar.7z': 'in a 7z' });
  },
};

const attachment: Producer = {
  name: 'EICAR by qpdf',
  wanted: 'refused',
  make: async (folder) => {
    await writeFile(join(folder, 'eicar.com'), bytes);
    await run('qpdf', ['--empty', '--add-attachment', 'eicar.com', '--', 'attached.pdf'], { cwd: folder });
    await run('qpdf', ['--object-streams=generate', 'attached.pdf', 'streams.pdf'], { cwd: folder });
    // Without object streams, ClamAV 1.4 finds no filter of the attachment, and does not unpack it.
    return collect(folder, { 'streams.pdf': 'attached to a PDF' });
  },
};

export const eicarProducers: readonly Producer[] = [own, archives, attachment];
