import { Inflate } from 'pako';
import type { Inflater } from './rules/zip-members.ts';

/** Packed bytes per step; each can unpack to a thousand, and only the result of one step is held. */
const sliceBytes = 1024;
const nothing = new Uint8Array();

/**
 * Raw DEFLATE (RFC 1951). The DecompressionStream of workerd would unpack everything at once, whether or not its
 * output is read.
 */
export const createInflater = (): Inflater => {
  const inflate = new Inflate({ raw: true });
  let unpacked: Uint8Array[] = [];
  let unread = (): number => 0;
  inflate.onStart = (stream) => {
    unread = () => stream.avail_in;
  };
  inflate.onData = (chunk) => {
    unpacked.push(chunk);
  };
  inflate.onEnd = () => {};
  let goesOn = false;

  function* push(packed: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < packed.byteLength; at += sliceBytes) {
      goesOn ||= inflate.ended;
      if (goesOn) return;
      inflate.push(packed.subarray(at, at + sliceBytes));
      goesOn = inflate.ended && unread() > 0;
      // Even with no result, so that the caller can let others have the thread.
      if (unpacked.length === 0) yield nothing;
      yield* unpacked;
      unpacked = [];
    }
  }
  return { push, isDone: () => inflate.ended && inflate.err === 0 && !goesOn };
};
