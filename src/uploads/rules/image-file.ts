import { latin1, viewOf } from '../../platform/rules/bytes.ts';
import type { ByteReader, GiveWay } from './byte-reader.ts';
import { type ContentFlaw, hidesFile } from './file-content.ts';

/** Far more chunks or segments than an encoder writes. */
const maxParts = 20_000;
/** What a chunk or segment costs beside its bytes, as bytes of plain work. */
const partCost = 1024;

const pngSignature = '89504e470d0a1a0a';

/** A PNG from its signature to its IEND chunk, which ends the file (PNG, Third Edition, sections 5.2, 5.3, 5.6). */
export const inspectPng = async (bytes: ByteReader, giveWay: GiveWay): Promise<ContentFlaw | null> => {
  if ((await bytes.take(8))?.toHex() !== pngSignature) return 'wrong_type';
  let seen = '';
  for (let part = 0; part < maxParts; part++) {
    await giveWay(partCost);
    const header = await bytes.take(8);
    if (!header) return 'damaged';
    const length = viewOf(header).getUint32(0);
    const type = latin1.decode(header.subarray(4));
    const isExpected = seen === '' ? type === 'IHDR' && length === 13 : /^[A-Za-z]{4}$/.test(type);
    // Every chunk ends in a CRC of four bytes.
    if (!isExpected || !(await bytes.skip(length + 4))) return 'damaged';
    if (type === 'IEND') {
      if (length > 0 || seen !== 'pixels') return 'damaged';
      return (await bytes.isAtEnd()) ? null : 'polyglot';
    }
    seen = type === 'IDAT' || seen === 'pixels' ? 'pixels' : 'header';
  }
  return 'damaged';
};

const [startOfImage, endOfImage, startOfScan] = [0xd8, 0xd9, 0xda];

const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;

/** SOF0 to SOF15, except the three between them that begin no frame. */
const beginsFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** The end of coded pixels. Within them, zero follows each 0xFF; 0xFF may be repeated before a marker. */
const isMarker = (byte: number, previous: number): boolean =>
  previous === 0xff && byte !== 0 && byte !== 0xff && !isRestart(byte);

/**
 * A JPEG from its first marker to its last (ITU-T T.81, annex B). Phones append a second image, a film or data of their
 * makers, which may stay unless another program would find a file there.
 */
export const inspectJpeg = async (bytes: ByteReader, giveWay: GiveWay): Promise<ContentFlaw | null> => {
  if ((await bytes.take(2))?.toHex() !== 'ffd8') return 'wrong_type';
  if ((await bytes.take(1))?.[0] !== 0xff) return 'wrong_type';
  let marker = await bytes.skipPast((byte) => byte !== 0xff);
  let [hasFrame, hasScan] = [false, false];
  for (let part = 0; marker !== null && marker !== endOfImage; part++) {
    if (part === maxParts) return 'damaged';
    await giveWay(partCost);
    if (marker === startOfImage || marker === 0 || isRestart(marker)) return 'damaged';
    const length = await bytes.take(2);
    const rest = length ? viewOf(length).getUint16(0) - 2 : -1;
    if (rest < 0 || !(await bytes.skip(rest))) return 'damaged';
    hasFrame ||= beginsFrame(marker);
    hasScan ||= marker === startOfScan && hasFrame;
    if (marker === startOfScan) marker = await bytes.skipPast(isMarker);
    else if ((await bytes.take(1))?.[0] !== 0xff) return 'damaged';
    else marker = await bytes.skipPast((byte) => byte !== 0xff);
  }
  if (marker !== endOfImage || !hasScan) return 'damaged';
  return (await hidesFile(bytes)) ? 'polyglot' : null;
};
