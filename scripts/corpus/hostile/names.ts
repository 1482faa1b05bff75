import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zip } from '../../../test/support/files/zip.ts';
import { collect, run } from '../commands.ts';
import type { Made, Producer } from '../sample.ts';
import { docx, entry, macroPart, macroRelation, relsXml, wordEntries } from './package.ts';

const archive = (title: string, name: string): Made => ({
  title,
  filename: 'papers.zip',
  content: zip([entry('a.txt', 'A text.\n'), entry(name, 'Out of the archive.\n')]),
});

const names: Producer = {
  name: 'names',
  wanted: 'refused',
  make: async () => [
    archive('a name that climbs', '../../etc/cron.d/x'),
    archive('a name that climbs from within', 'a/../../x'),
    archive('an absolute name', '/etc/cron.d/x'),
    archive('a name with a drive', 'C:/Windows/x.dll'),
    archive('a name that climbs with backslashes', '..\\..\\x'),
    archive('an absolute name with a backslash', '\\\\server\\share\\x'),
    docx('a docx with a name that climbs', [...wordEntries(), entry('word/../../x', 'x')]),
    docx('rels behind backslashes', [
      ...wordEntries(),
      entry(
        'word\\_rels\\document.xml.rels',
        relsXml(`<Relationship Id="rId9" Type="${macroRelation}" Target="m.bin"/>`),
      ),
      entry('word/m.bin', macroPart),
    ]),
    docx('two entries of one name', [...wordEntries(), entry('word/document.xml', '<other/>')]),
    docx('two entries of one name in other letters', [
      ...wordEntries(),
      entry('WORD/Document.xml', '<other/>'),
    ]),
  ],
};

const links: Producer = {
  name: 'zip -y',
  wanted: 'refused',
  make: async (folder) => {
    await writeFile(join(folder, 'a.txt'), 'A text.\n');
    await symlink('/etc/passwd', join(folder, 'link'));
    await run('zip', ['-qy', 'link.zip', 'a.txt', 'link'], { cwd: folder });
    return collect(folder, { 'link.zip': 'a symbolic link to /etc/passwd' });
  },
};

export const nameProducers: readonly Producer[] = [names, links];
