import { checksumHeader } from '../../../../src/platform/rules/storage.ts';
import { createBuiltinScanner } from '../../../../src/platform/scanners/builtin.ts';
import { createR2Store } from '../../../../src/platform/storage/r2.ts';

/** A bucket that compares the checksum and keeps nothing, so that only the Worker uses memory. */
const put = async (key: string, body: ReadableStream, { sha256 }: { sha256: string }) => {
  const digest = new crypto.DigestStream('SHA-256');
  await body.pipeTo(digest);
  const found = new Uint8Array(await digest.digest).toHex();
  if (found !== sha256) throw new Error('put: the checksum differs (10037)');
  return { key };
};

const store = createR2Store({ put } as unknown as R2Bucket);
const scanner = createBuiltinScanner();

/** Takes a file as the upload route does, or scans it as the consumer of the queue does, for a test in Node. */
export default {
  fetch: async (request: Request): Promise<Response> => {
    const { signal } = request;
    const body = request.body ?? new Blob([]).stream();
    const url = new URL(request.url);
    const size = Number(url.searchParams.get('size'));
    if (url.pathname === '/scan') {
      const subject = { key: '', etag: '', size, attempt: 1, open: async () => body };
      return Response.json(await scanner.scan(subject, signal));
    }
    const sha256 = Uint8Array.fromBase64(request.headers.get(checksumHeader) ?? '').toHex();
    const expected = { contentType: 'text/plain', size, sha256 };
    return Response.json(await store.put('key', body, expected, () => {}, signal));
  },
};
