import { createHash, randomUUID } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import type { StorageConfig } from '../../src/platform/config/uploads.ts';
import { checksumHeader } from '../../src/platform/rules/storage.ts';
import { bucketUrlOf } from '../../src/platform/storage/bucket-url.ts';
import { causeOf } from '../program/reason.ts';
import { type Finding, failure, ok, warning } from './report.ts';

type S3 = Extract<StorageConfig, { kind: 's3' }>;
type Send = (
  method: string,
  path: string,
  headers?: Record<string, string>,
  body?: string,
) => Promise<Answer>;
type Answer = { readonly status: number; readonly text: string; readonly etag: string };

const check = 'storage';
const timeoutMs = 10_000;
const bytes = 'A trial of npm run doctor.';
const checksumOf = (text: string): string => createHash('sha256').update(text).digest('base64');

/**
 * Lists the S3 bucket as the Worker does. A store outside AWS is tried once, by an object of the doctor's own: it says
 * which of the conditions that Itsor sends are ignored there.
 */
export const inspectStorage = async (config: StorageConfig): Promise<Finding[]> => {
  if (config.kind === 'r2') return [];
  const send = createSend(config);
  try {
    const { status, text } = await send('GET', '?list-type=2&max-keys=1&prefix=quarantine%2F');
    if (status !== 200) return [failure(check, `the bucket cannot be listed: ${status} ${codeOf(text)}`)];
    if (config.endpoint === null) return [ok(check, 'the bucket can be listed')];
    return [await tryOnce(send, config.bucket)];
  } catch (error) {
    return [failure(check, `does not answer: ${causeOf(error as Error).message}`)];
  }
};

const createSend = (config: S3): Send => {
  const { region, accessKeyId, secretAccessKey } = config.aws;
  const keys = { accessKeyId: accessKeyId.reveal(), secretAccessKey: secretAccessKey.reveal() };
  const signer = new AwsClient({ ...keys, region, service: 's3' });
  const base = bucketUrlOf(config);
  return async (method, path, headers = {}, body) => {
    const init = { method, headers, redirect: 'manual', ...(body !== undefined && { body }) } as const;
    const request = await signer.sign(base + path, init);
    const response = await fetch(request, { signal: AbortSignal.timeout(timeoutMs) });
    const etag = response.headers.get('ETag') ?? '';
    return { status: response.status, text: (await response.text()).slice(0, 4096), etag };
  };
};

/** The Code of an Error document of S3. */
const codeOf = (xml: string): string => /<Code>(\w+)<\/Code>/.exec(xml)?.[1] ?? '';

const isStored = ({ status }: Answer): boolean => status === 200;

const tryOnce = async (send: Send, bucket: string): Promise<Finding> => {
  // The sweep for objects without a row deletes it, should the doctor be stopped before its own deletion.
  const key = `/quarantine/doctor/${randomUUID()}`;
  const copy = `${key}-copy`;
  const put = (text: string) =>
    send('PUT', key, { 'if-none-match': '*', [checksumHeader]: checksumOf(bytes) }, text);
  try {
    const takesOtherBytes = isStored(await put(bytes.toUpperCase()));
    if (takesOtherBytes) await send('DELETE', key);
    const first = await put(bytes);
    if (!isStored(first)) return failure(check, `takes no object: ${first.status} ${codeOf(first.text)}`);
    const takesTwice = isStored(await put(bytes));
    const source = { 'x-amz-copy-source': `/${bucket}${key}` };
    const otherVersion = { ...source, 'x-amz-copy-source-if-match': '"00000000000000000000000000000000"' };
    const copiesAnyVersion = isStored(await send('PUT', copy, otherVersion));
    const copied = await send('PUT', copy, { ...source, 'x-amz-copy-source-if-match': first.etag });
    if (!isStored(copied)) return failure(check, `copies no object: ${copied.status} ${codeOf(copied.text)}`);
    return judge({ takesOtherBytes, takesTwice, copiesAnyVersion });
  } finally {
    await send('DELETE', key);
    await send('DELETE', copy);
  }
};

type Found = Readonly<Record<'takesOtherBytes' | 'takesTwice' | 'copiesAnyVersion', boolean>>;

const judge = ({ takesOtherBytes, takesTwice, copiesAnyVersion }: Found): Finding => {
  const lacks = [
    takesOtherBytes &&
      'takes bytes that differ from x-amz-checksum-sha256 (Itsor reads each file to compare it)',
    takesTwice && 'ignores If-None-Match: an upload URL takes bytes more than once',
    copiesAnyVersion && 'ignores x-amz-copy-source-if-match',
  ].filter((lack) => lack !== false);
  if (lacks.length === 0) return ok(check, 'lists, stores, copies and deletes, and heeds every condition');
  const text = lacks.join('; ');
  // The three together let a client replace a file after its scan and before it is copied.
  return lacks.length === 3
    ? failure(check, `${text}: a file could be replaced after its scan, so use another store`)
    : warning(check, text);
};
