import { join } from './zip.ts';

export const png: Uint8Array<ArrayBuffer> = Uint8Array.fromBase64(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
);

const segment = (marker: number, ...content: number[]): Uint8Array =>
  Uint8Array.of(0xff, marker, 0, content.length + 2, ...content);

const [start, end] = [Uint8Array.of(0xff, 0xd8), Uint8Array.of(0xff, 0xd9)];
const frame = segment(0xc0, 8, 0, 1, 0, 1, 1, 1, 0x11, 0);
const scan = segment(0xda, 1, 1, 0, 0, 63, 0);
/** With an escaped 0xFF, a restart, and fill bytes in front of the marker that follows. */
const pixels = Uint8Array.of(0xd2, 0xff, 0, 0xcf, 0xff, 0xd0, 0x20, 0xff);

/** As its marks go: they need not decode to anything. */
export const jpegOf = (...pieces: Uint8Array[]): Uint8Array<ArrayBuffer> => join([start, ...pieces, end]);

export const jpegParts = {
  application: segment(0xe0, ...new TextEncoder().encode('JFIF\0'), ...Array(20).fill(0)),
  frame,
  scan,
  pixels,
  tables: segment(0xc4, 0, 0),
};

export const jpeg = jpegOf(jpegParts.application, frame, scan, pixels, jpegParts.tables, scan, pixels);
