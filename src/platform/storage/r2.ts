import type { MacKeys } from '../crypto/derived-keys.ts';
import { AppError } from '../errors.ts';
import {
  checksumHeader,
  checksumOf,
  type IssueTicket,
  type ObjectStore,
  type PresentedUrl,
  type PutOutcome,
  type Receiving,
  type ReceivingStore,
} from '../rules/storage.ts';

const unreachable = (cause: unknown): never => {
  throw new AppError('service_unavailable', { retryAfterSeconds: 5, cause });
};

type Ending = 'complete' | 'too_short' | 'too_long' | 'broken_off';

/**
 * Passes exactly `size` bytes on, and ends in an error if there are fewer or more. The last piece waits for the end of
 * the body, because a reader takes the bytes for complete as soon as there are enough of them.
 */
const passExactly = (
  body: ReadableStream<Uint8Array>,
  size: number,
  { onProgress, signal }: { onProgress: () => void; signal: AbortSignal },
) => {
  const { readable, writable } = new FixedLengthStream(size);
  const reader = body.getReader();
  const writer = writable.getWriter();
  // Reads and writes report the same errors.
  for (const state of [writer.closed, reader.closed]) state.catch(() => {});
  const cancel = (reason?: unknown) => void reader.cancel(reason).catch(() => {});
  signal.addEventListener('abort', cancel, { once: true });

  const pass = async (): Promise<Ending> => {
    let received = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return signal.aborted ? 'broken_off' : 'too_short';
      received += value.byteLength;
      onProgress();
      if (received > size) return 'too_long';
      if (received === size) {
        const more = await reader.read();
        if (!more.done && more.value.byteLength > 0) return 'too_long';
        await writer.write(value);
        await writer.close();
        return 'complete';
      }
      await writer.write(value);
    }
  };

  let ending: Ending | null = null;
  void pass()
    .catch((): Ending => 'broken_off')
    .then((reached) => {
      ending = reached;
      signal.removeEventListener('abort', cancel);
      if (reached === 'complete') return;
      cancel();
      void writer.abort(new Error(reached)).catch(() => {});
    });
  /** `ending` is null while it goes on; `cancel` lets go of the body. */
  return { readable, ending: (): Ending | null => ending, cancel };
};

/** R2 names this error by a number at the end of its message, or by the name of the hash. */
const isWrongChecksum = (error: unknown): boolean =>
  error instanceof Error && /\(10037\)|checksum|SHA-256/i.test(error.message);

const withBody = (object: R2Object | R2ObjectBody | null): ReadableStream<Uint8Array> | null =>
  object && 'body' in object ? object.body : null;

/** Uploads in an R2 bucket. Their bytes pass through the Worker and are not held there. */
export const createR2Store = (bucket: R2Bucket): ReceivingStore => {
  const head: ObjectStore['head'] = async (key) => {
    const object = await bucket.head(key).catch(unreachable);
    if (!object) return null;
    const sha256 = object.checksums.sha256;
    return {
      etag: object.etag,
      size: object.size,
      sha256: sha256 ? new Uint8Array(sha256).toHex() : '',
      contentType: object.httpMetadata?.contentType ?? '',
    };
  };

  const read: ObjectStore['read'] = async ({ key, etag }, span) => {
    const object = await bucket
      .get(key, { onlyIf: { etagMatches: etag }, ...(span && { range: span }) })
      .catch(unreachable);
    return withBody(object);
  };

  const copy: ObjectStore['copy'] = async ({ key, etag }, to) => {
    const object = await bucket.get(key, { onlyIf: { etagMatches: etag } }).catch(unreachable);
    if (!object || !('body' in object)) return null;
    const { sha256 } = object.checksums;
    const copied = await bucket
      .put(to, object.body, {
        httpMetadata: object.httpMetadata ?? {},
        ...(sha256 && { sha256 }),
      })
      .catch(unreachable);
    return copied?.etag ?? null;
  };

  const put: ReceivingStore['put'] = async (key, body, expected, onProgress, signal): Promise<PutOutcome> => {
    const { size, sha256, contentType } = expected;
    const exact = passExactly(body, size, { onProgress, signal });
    try {
      // A second PUT may replace the object: R2 takes no other bytes, and these have the same ETag.
      await bucket.put(key, exact.readable, {
        httpMetadata: { contentType },
        sha256,
      });
      return 'stored';
    } catch (error) {
      if (isWrongChecksum(error)) return 'wrong_checksum';
      const ending = exact.ending();
      exact.cancel();
      return ending === null || ending === 'complete' ? unreachable(error) : ending;
    }
  };

  return {
    head,
    read,
    copy,
    put,
    remove: (key) => bucket.delete(key).catch(unreachable),
    list: async (prefix, cursor) => {
      const listed = await bucket.list({ prefix, ...(cursor && { cursor }) }).catch(unreachable);
      return {
        objects: listed.objects.map(({ key, uploaded }) => ({ key, storedAt: uploaded })),
        cursor: listed.truncated ? listed.cursor : null,
      };
    },
  };
};

/** The only spelling of a URL, so that blocking or counting it by its text is reliable. */
const targetOf = ({ uploadId, expires, signature }: Omit<PresentedUrl, 'target'>): string =>
  `/uploads/${uploadId}/content?expires=${expires}&signature=${signature}`;

const signedText = (uploadId: string, expires: number): string => `${uploadId}.${expires}`;

/** Upload URLs on the Worker. A URL names the upload and its end; the row of the upload describes the bytes. */
export const createUploadUrls = (
  keys: MacKeys,
): { readonly issueTicket: IssueTicket; readonly verify: Receiving['verifyUrl'] } => ({
  issueTicket: async ({ uploadId, apiUrl, contentType, sha256, expiresAt }) => {
    const expires = Math.floor(expiresAt.getTime() / 1000);
    const signature = await keys.sign(signedText(uploadId, expires));
    return {
      method: 'PUT',
      url: `${apiUrl}${targetOf({ uploadId, expires, signature })}`,
      headers: { 'content-type': contentType, [checksumHeader]: checksumOf(sha256) },
    };
  },
  verify: async ({ target, ...url }, now) => {
    const { uploadId, expires, signature } = url;
    if (target !== targetOf(url)) return 'forged';
    if (!(await keys.verify(signedText(uploadId, expires), signature))) return 'forged';
    return expires * 1000 > now.getTime() ? 'good' : 'expired';
  },
});
