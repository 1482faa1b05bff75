import { latin1 } from './bytes.ts';

/**
 * Looks for marks in a file that comes in pieces, wherever they are cut. Each character of a mark stands for one byte,
 * none of them for 0x80 to 0x9F, which that decoder reads as Windows does.
 * @returns whether one has been seen so far
 */
export const createByteSearch = (
  marks: readonly string[],
  { ignoreCase = false } = {},
): ((piece: Uint8Array) => boolean) => {
  const mark = new RegExp(marks.map((text) => RegExp.escape(text)).join('|'), ignoreCase ? 'i' : '');
  const longest = Math.max(...marks.map(({ length }) => length));
  let tail = '';
  let found = false;
  return (piece) => {
    if (found) return true;
    const text = tail + latin1.decode(piece);
    found = mark.test(text);
    tail = text.slice(1 - longest);
    return found;
  };
};
