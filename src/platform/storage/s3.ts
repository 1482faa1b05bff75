import { AwsClient } from 'aws4fetch';
import type { StorageConfig } from '../config/uploads.ts';
import { AppError } from '../errors.ts';
import {
  amzDate,
  checksumHeader,
  checksumOf,
  type IssueTicket,
  type ObjectListing,
  type ObjectStore,
  type StoredObject,
} from '../rules/storage.ts';
import { bucketUrlOf } from './bucket-url.ts';

type Options = Extract<StorageConfig, { kind: 's3' }>;

const unreachable = (cause: unknown): never => {
  throw new AppError('service_unavailable', { retryAfterSeconds: 5, cause });
};

const unquoted = (etag: string | null): string => (etag ?? '').replaceAll('"', '');

/** Keys of our making have no character that XML would escape; other keys are left as they stand. */
const textOf = (xml: string, element: string): string | null =>
  new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1] ?? null;

/** The ETag in a CopyObjectResult; null for any other document, such as an Error. */
export const readCopyResult = (xml: string): string | null =>
  xml.includes('<CopyObjectResult') ? (textOf(xml, 'ETag')?.replaceAll(/&quot;|&#34;|"/g, '') ?? null) : null;

/** A page of ListObjectsV2. */
export const readListing = (xml: string): ObjectListing => {
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, contents = '']) => {
    const [key, modified] = [textOf(contents, 'Key'), textOf(contents, 'LastModified')];
    return key && modified ? [{ key, storedAt: new Date(modified) }] : [];
  });
  return { objects, cursor: textOf(xml, 'NextContinuationToken') };
};

const digestOf = async (content: ReadableStream<Uint8Array>): Promise<string> => {
  const digest = new crypto.DigestStream('SHA-256');
  await content.pipeTo(digest);
  return new Uint8Array(await digest.digest).toHex();
};

/** Uploads in an S3 bucket. Clients send their bytes to a presigned URL, and not through the Worker. */
export const createS3Store = (
  options: Options,
  clock: () => Date,
): { store: ObjectStore; issueTicket: IssueTicket } => {
  const { aws } = options;
  const signer = new AwsClient({
    accessKeyId: aws.accessKeyId.reveal(),
    secretAccessKey: aws.secretAccessKey.reveal(),
    region: aws.region,
    service: 's3',
  });
  const base = bucketUrlOf(options);
  const urlOf = (key: string) => `${base}/${key}`;

  /** @returns null where the object does not exist, or is another version by now */
  const send = async (
    method: string,
    url: string,
    signal: AbortSignal,
    headers: Record<string, string> = {},
  ): Promise<Response | null> => {
    const request = await signer.sign(url, {
      method,
      headers,
      redirect: 'manual',
      aws: { datetime: amzDate(clock()) },
    });
    const response = await fetch(request, { signal }).catch(unreachable);
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status === 404 || response.status === 412) return null;
    return unreachable(new Error(`s3 ${method} ${response.status}`));
  };

  const read: ObjectStore['read'] = async ({ key, etag }, span, signal) => {
    const response = await send('GET', urlOf(key), signal, {
      'If-Match': `"${etag}"`,
      ...(span && { Range: `bytes=${span.offset}-${span.offset + span.length - 1}` }),
    });
    if (!response) return null;
    // Some implementations ignore If-Match.
    const isThatVersion = unquoted(response.headers.get('ETag')) === etag;
    if (isThatVersion && response.status === (span ? 206 : 200)) return response.body;
    await response.body?.cancel();
    return null;
  };

  const head: ObjectStore['head'] = async (key, signal): Promise<StoredObject | null> => {
    const response = await send('HEAD', urlOf(key), signal, { 'x-amz-checksum-mode': 'ENABLED' });
    if (!response) return null;
    const etag = unquoted(response.headers.get('ETag'));
    const checksum = response.headers.get(checksumHeader);
    // An implementation without checksums has not compared them either.
    const content = checksum ? null : await read({ key, etag }, null, signal);
    return {
      etag,
      size: Number(response.headers.get('Content-Length')),
      sha256: checksum ? Uint8Array.fromBase64(checksum).toHex() : content ? await digestOf(content) : '',
      contentType: response.headers.get('Content-Type') ?? '',
    };
  };

  const store: ObjectStore = {
    head,
    read,
    copy: async ({ key, etag }, to, signal) => {
      const response = await send('PUT', urlOf(to), signal, {
        'x-amz-copy-source': `/${options.bucket}/${key}`,
        'x-amz-copy-source-if-match': `"${etag}"`,
      });
      // A copy can fail after its 200 has been sent; only the document tells.
      return response && (readCopyResult(await response.text()) ?? unreachable(new Error('s3 copy failed')));
    },
    remove: async (key, signal) => {
      await (await send('DELETE', urlOf(key), signal))?.body?.cancel();
    },
    list: async (prefix, cursor, signal) => {
      const query = new URLSearchParams({ 'list-type': '2', prefix });
      if (cursor) query.set('continuation-token', cursor);
      const response = await send('GET', `${base}?${query}`, signal);
      return response ? readListing(await response.text()) : { objects: [], cursor: null };
    },
  };

  /** Length, type and checksum are signed headers: S3 refuses a request that differs in any of them. */
  const issueTicket: IssueTicket = async ({ key, contentType, size, sha256, now, expiresAt }) => {
    const headers = {
      'content-type': contentType,
      // RFC 9110 section 13.1.2: a second PUT is refused.
      'if-none-match': '*',
      [checksumHeader]: checksumOf(sha256),
    };
    const url = new URL(urlOf(key));
    url.searchParams.set('X-Amz-Expires', String(Math.floor((expiresAt.getTime() - now.getTime()) / 1000)));
    const signed = await signer.sign(url.href, {
      method: 'PUT',
      headers: { ...headers, 'content-length': String(size) },
      aws: { signQuery: true, allHeaders: true, datetime: amzDate(now) },
    });
    return { method: 'PUT', url: signed.url, headers };
  };

  return { store, issueTicket };
};
