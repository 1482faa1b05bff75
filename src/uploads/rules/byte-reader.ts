/** Lets others have the thread after so much work, in bytes. */
export type GiveWay = (work: number) => Promise<void>;

/** Reads a file once, from its beginning, and holds only the current piece and the bytes that a call returns. */
export type ByteReader = {
  /** @returns the next bytes, or null where the file ends before */
  take(length: number): Promise<Uint8Array | null>;
  /** Yields the next bytes as they come, fewer where the file ends before. */
  pieces(length: number): AsyncGenerator<Uint8Array, void>;
  /** @returns false where the file ends before */
  skip(length: number): Promise<boolean>;
  /** Moves past the first matching byte. @returns that byte, or null where none matches */
  skipPast(matches: (byte: number, previous: number) => boolean): Promise<number | null>;
  isAtEnd(): Promise<boolean>;
};

export const createByteReader = (source: AsyncIterable<Uint8Array>): ByteReader => {
  const iterator = source[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array();
  let at = 0;

  const fill = async (): Promise<boolean> => {
    while (at >= piece.byteLength) {
      const next = await iterator.next();
      if (next.done) return false;
      [piece, at] = [next.value, 0];
    }
    return true;
  };

  async function* pieces(length: number): AsyncGenerator<Uint8Array, void> {
    for (let left = length; left > 0 && (await fill()); ) {
      const part = piece.subarray(at, at + left);
      at += part.byteLength;
      left -= part.byteLength;
      yield part;
    }
  }

  const take: ByteReader['take'] = async (length) => {
    if (at + length <= piece.byteLength) {
      at += length;
      return piece.subarray(at - length, at);
    }
    const taken = new Uint8Array(length);
    let filled = 0;
    for await (const part of pieces(length)) {
      taken.set(part, filled);
      filled += part.byteLength;
    }
    return filled === length ? taken : null;
  };

  const skip: ByteReader['skip'] = async (length) => {
    let left = length;
    while (left > 0 && (await fill())) {
      const step = Math.min(left, piece.byteLength - at);
      at += step;
      left -= step;
    }
    return left === 0;
  };

  const skipPast: ByteReader['skipPast'] = async (matches) => {
    let previous = -1;
    while (await fill()) {
      for (; at < piece.byteLength; at++) {
        const byte = piece[at] as number;
        if (matches(byte, previous)) {
          at++;
          return byte;
        }
        previous = byte;
      }
    }
    return null;
  };

  return { take, pieces, skip, skipPast, isAtEnd: async () => !(await fill()) };
};
