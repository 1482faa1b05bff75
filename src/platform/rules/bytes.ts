/** One character for each byte; 0x80 to 0x9F are read as in Windows-1252. */
export const latin1 = new TextDecoder('latin1');

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const concatenate = (chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
};

/**
 * Searches a file that comes in pieces for marks, also across the border of two pieces. Each character of a mark stands
 * for one byte other than 0x80 to 0x9F.
 * @returns a function that takes the next piece and returns whether a mark has been seen so far
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
