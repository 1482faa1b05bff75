import { appendFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, imageMagick, run } from '../commands.ts';
import type { Producer } from '../sample.ts';

const source = ['-size', '320x240', 'plasma:red-blue'];

const pictures: Readonly<Record<string, readonly [title: string, args: readonly string[]]>> = {
  'progressive.jpg': ['progressive', ['-interlace', 'JPEG']],
  'cmyk.jpg': ['CMYK', ['-colorspace', 'CMYK']],
  'gray.jpg': ['gray, without subsampling', ['-colorspace', 'Gray', '-sampling-factor', '4:4:4']],
  'deep.png': ['16 bits', ['-depth', '16']],
  'interlaced.png': ['interlaced', ['-interlace', 'PNG']],
  'text.png': ['a comment with HTML', ['-set', 'comment', '<html><script>alert(1)</script>']],
  'moving.gif': ['three frames', ['-duplicate', '2', '-loop', '0']],
  'lossless.webp': ['lossless', ['-define', 'webp:lossless=true']],
  'lossy.webp': ['lossy', ['-quality', '60']],
  'lzw.tiff': ['LZW', ['-compress', 'lzw']],
  'big-endian.tiff': ['big endian', ['-endian', 'MSB']],
};

const pictureWriter: Producer = {
  name: 'ImageMagick',
  wanted: 'accepted',
  make: async (folder) => {
    for (const [name, [, args]] of Object.entries(pictures))
      await run(imageMagick, [...source, ...args, name], { cwd: folder });
    const titles = Object.entries(pictures).map(([name, [title]]) => [name, title]);
    return collect(folder, Object.fromEntries(titles));
  },
};

/** Phones write a second picture, a film or a map of depths behind the first one, and a tail that finds it again. */
const phoneTail = Buffer.concat([
  Buffer.alloc(4096, 'depth'),
  Buffer.from('\0\0\x01\x0bMotionPhoto_Data'),
  Buffer.from('SEFH\x6b\0\0\0\x01\0\0\0\0\0\x01\x0a\x14\0\0\0SEFT', 'latin1'),
]);

const exifTool: Producer = {
  name: 'exiftool',
  wanted: 'accepted',
  make: async (folder) => {
    const here = { cwd: folder };
    await run(imageMagick, [...source, 'picture.jpg'], here);
    for (const name of ['comment.jpg', 'xmp.jpg', 'trailer.jpg', 'second.jpg'])
      await copyFile(join(folder, 'picture.jpg'), join(folder, name));
    const change = (...args: string[]) => run('exiftool', ['-overwrite_original', ...args], here);
    await change(`-Comment=${'A long comment. '.repeat(3000)}`, 'comment.jpg');
    const about = 'With <b>HTML</b>, %PDF-1.7 and <?php in words. '.repeat(1000);
    await change(`-XMP-dc:Description=${about}`, '-GPSLatitude=48.1', '-Make=Phone', 'xmp.jpg');
    await appendFile(join(folder, 'trailer.jpg'), phoneTail);
    await run(imageMagick, [...source, '-resize', '50%', 'small.jpg'], here);
    await appendFile(
      join(folder, 'second.jpg'),
      (await collect(folder, { 'small.jpg': '' }))[0]?.content ?? '',
    );
    return collect(folder, {
      'comment.jpg': 'a comment of 48 KB',
      'xmp.jpg': 'XMP with words of other formats',
      'trailer.jpg': 'the trailer of a phone',
      'second.jpg': 'a second JPEG behind the first',
    });
  },
};

export const imageProducers: readonly Producer[] = [pictureWriter, exifTool];
