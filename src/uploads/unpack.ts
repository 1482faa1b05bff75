import { Inflate } from 'pako';
import type { GiveWay } from '../platform/give-way.ts';
import { concatenate } from '../platform/rules/bytes.ts';

/** Packed bytes per step; each can unpack to a thousand. */
const stepBytes = 256;

/**
 * Unpacks raw DEFLATE (RFC 1951) step by step, and no further than the size that the archive states. (The
 * DecompressionStream of workerd unpacks all its input, whether or not anybody reads.)
 * @returns null where the content has another size or is damaged
 */
export const unpack = async (
  packed: Uint8Array,
  size: number,
  giveWay: GiveWay,
): Promise<Uint8Array | null> => {
  const inflate = new Inflate({ raw: true, chunkSize: Math.min(65_536, size + 1) });
  const pieces: Uint8Array[] = [];
  let length = 0;
  inflate.onData = (piece) => {
    pieces.push(piece);
    length += piece.byteLength;
  };
  inflate.onEnd = () => {};
  for (let at = 0; at < packed.byteLength && !inflate.ended && length <= size; at += stepBytes) {
    const before = length;
    inflate.push(packed.subarray(at, at + stepBytes));
    await giveWay(2 * (stepBytes + length - before));
  }
  return inflate.ended && inflate.err === 0 && length === size ? concatenate(pieces) : null;
};
