import { AppError } from '../platform/errors.ts';
import type { GiveWay } from '../platform/give-way.ts';
import type { ByteSpan, ObjectStore, ObjectVersion } from '../platform/rules/storage.ts';
import { type ByteReader, createByteReader } from './rules/byte-reader.ts';

/** One version of an object, read in parts or from its beginning; all of it throws where it changes or goes meanwhile. */
export type ObjectReader = {
  bytesOf(span: ByteSpan): Promise<Uint8Array>;
  /** Reads as far as `use` does, and lets go of the rest. @param look sees each piece that is read */
  read<T>(use: (bytes: ByteReader) => Promise<T>, look?: (piece: Uint8Array) => void): Promise<T>;
};

export const createObjectReader = (
  store: Pick<ObjectStore, 'read'>,
  version: ObjectVersion,
  signal: AbortSignal,
  giveWay: GiveWay,
): ObjectReader => {
  const open = async (span: ByteSpan | null): Promise<ReadableStream<Uint8Array>> => {
    const content = await store.read(version, span, signal);
    if (!content) throw new AppError('conflict', { detail: 'The bytes have changed in the meantime.' });
    return content;
  };

  async function* pieces(look?: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array, void> {
    for await (const piece of await open(null)) {
      await giveWay(piece.byteLength);
      look?.(piece);
      yield piece;
    }
  }

  return {
    bytesOf: async (span) => new Uint8Array(await new Response(await open(span)).arrayBuffer()),
    read: async (use, look) => {
      const source = pieces(look);
      try {
        return await use(createByteReader(source));
      } finally {
        await source.return();
      }
    },
  };
};
