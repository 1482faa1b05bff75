import { createHash } from 'node:crypto';
import { startWorker } from './worker.ts';

const piece = Buffer.alloc(1_048_576, 'All work and no play makes Jack a dull boy.\n');

/** A file of so many MiB that exists a piece at a time. */
export const longFile = (mebibytes: number) => {
  const hash = createHash('sha256');
  for (let count = 0; count < mebibytes; count++) hash.update(piece);
  const digest = hash.digest();
  const open = (): ReadableStream => {
    let left = mebibytes;
    return new ReadableStream(
      {
        pull: (controller) => {
          if (left-- === 0) controller.close();
          else controller.enqueue(piece);
        },
      },
      { highWaterMark: 0 },
    );
  };
  return {
    size: mebibytes * piece.byteLength,
    sha256: digest.toString('hex'),
    checksum: digest.toString('base64'),
    open,
  };
};

/** The storage adapter and the local scanner in workerd, with a bucket that keeps nothing. */
export const startUploadWorker = async () => {
  const worker = await startWorker('upload-worker');
  const send = async (path: string, mebibytes: number): Promise<unknown> => {
    const { size, checksum, open } = longFile(mebibytes);
    const response = await fetch(`${worker.url}${path}?size=${size}`, {
      method: 'POST',
      headers: { 'x-amz-checksum-sha256': checksum },
      body: open(),
      duplex: 'half',
    } as RequestInit);
    return response.json();
  };
  return {
    store: (mebibytes: number) => send('/store', mebibytes),
    scan: (mebibytes: number) => send('/scan', mebibytes),
    stop: worker.stop,
  };
};
