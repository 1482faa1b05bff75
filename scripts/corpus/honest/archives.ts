import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, run, runPython } from '../commands.ts';
import type { Producer } from '../sample.ts';

const writeFolder = async (folder: string): Promise<void> => {
  await mkdir(join(folder, 'papers', 'empty'), { recursive: true });
  await writeFile(join(folder, 'papers', 'a.txt'), 'A text.\n'.repeat(200));
  await writeFile(join(folder, 'papers', 'Übersicht.txt'), 'A name in UTF-8.\n');
};

const infoZip: Producer = {
  name: 'zip',
  wanted: 'accepted',
  make: async (folder) => {
    await writeFolder(folder);
    await run('zip', ['-qr', 'papers.zip', 'papers'], { cwd: folder });
    await run('zip', ['-qr0', 'stored.zip', 'papers'], { cwd: folder });
    await writeFile(join(folder, 'streamed.zip'), await run('zip', ['-qr', '-', 'papers'], { cwd: folder }));
    return collect(folder, {
      'papers.zip': 'a folder',
      'stored.zip': 'a folder, stored',
      'streamed.zip': 'a folder, through a pipe',
    });
  },
};

const sevenZip: Producer = {
  name: '7z',
  wanted: 'accepted',
  make: async (folder) => {
    await writeFolder(folder);
    await run('7z', ['a', '-tzip', 'papers.zip', 'papers'], { cwd: folder });
    await run('7z', ['a', 'papers.7z', 'papers'], { cwd: folder });
    return collect(folder, { 'papers.zip': 'a folder as ZIP', 'papers.7z': 'a folder as 7z' });
  },
};

const pythonZip: Producer = {
  name: 'Python zipfile',
  wanted: 'accepted',
  make: async (folder) => {
    await runPython('zip_file', 'zipfile', folder);
    return collect(folder, {
      'packed.zip': 'deflated, with a comment',
      'stored.zip': 'stored',
      'streamed.zip': 'through a pipe',
    });
  },
};

export const archiveProducers: readonly Producer[] = [infoZip, sevenZip, pythonZip];
