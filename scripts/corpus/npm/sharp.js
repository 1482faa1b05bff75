import { join } from 'node:path';
import sharp from 'sharp';

const [folder] = process.argv.slice(2);
const image = sharp({
  create: {
    width: 320,
    height: 240,
    channels: 3,
    background: '#1199ee',
    noise: { type: 'gaussian', sigma: 30 },
  },
});
const written = {
  'mozjpeg.jpg': (each) => each.jpeg({ mozjpeg: true }).withMetadata({ density: 300 }),
  'palette.png': (each) => each.png({ palette: true }),
  'lossless.webp': (each) => each.webp({ lossless: true }),
  'lossy.webp': (each) => each.webp({ quality: 60 }).withMetadata(),
  'one.gif': (each) => each.gif(),
  'pyramid.tiff': (each) => each.tiff({ tile: true, pyramid: true }),
};
for (const [name, write] of Object.entries(written)) await write(image.clone()).toFile(join(folder, name));
