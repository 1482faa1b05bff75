const allowedControls = new Set([0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b]);
/** CP/M and DOS ended texts with it. */
const endOfFile = 0x1a;

const forbidden = Uint8Array.from({ length: 128 }, (_, unit) =>
  (unit < 0x20 && !allowedControls.has(unit)) || unit === 0x7f ? 1 : 0,
);

/**
 * Checks that a file of `size` bytes is text in any encoding: no byte of it is a control character that texts do not
 * have. With the byte order mark of UTF-16, this is asked of its units.
 * @returns a function that takes one piece after the other; false from the first piece that is no text
 */
export const createTextCheck = (size: number): ((piece: Uint8Array) => boolean) => {
  let [at, first, high, lowIndex] = [0, -1, 0, -1];
  let isText = true;

  const isGood = (unit: number): boolean =>
    unit > 0x7f || forbidden[unit] === 0 || (unit === endOfFile && at === size - 1);

  return (piece) => {
    for (let index = 0; isText && index < piece.byteLength; index++, at++) {
      const byte = piece[index] as number;
      if (at === 0) first = byte;
      if (at === 1 && first + byte === 0xff + 0xfe && (first === 0xff || byte === 0xff)) {
        lowIndex = first === 0xff ? 0 : 1;
        isText = size % 2 === 0;
      } else if (lowIndex < 0) isText = isGood(byte);
      else if (at % 2 === 0) high = byte;
      else isText = isGood(lowIndex === 0 ? byte * 256 + high : high * 256 + byte);
    }
    return isText;
  };
};
