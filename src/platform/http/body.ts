import type { Context } from 'hono';
import { AppError } from '../errors.ts';
import { concatenate } from '../rules/bytes.ts';

/** The body limit of every route except the uploads. */
export const maxBodyBytes = 65_536;

const mediaTypes = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const;
export type BodyKind = keyof typeof mediaTypes;

const contentType = (c: Context): { type: string; charsets: readonly string[] } => {
  const [type = '', ...parameters] = (c.req.header('Content-Type') ?? '').toLowerCase().split(';');
  const pairs = parameters.map((parameter) => parameter.split('=').map((part) => part.trim()));
  const charsets = pairs
    .filter(([name]) => name === 'charset')
    .map(([, value = '']) => value.replaceAll('"', ''));
  return { type: type.trim(), charsets };
};

export const hasBodyOf = (c: Context, kind: BodyKind): boolean => contentType(c).type === mediaTypes[kind];

/** The most that is read of a body that is too large: cutting a connection may cut other requests on it. */
const maxDrainedBytes = 1_048_576;

/** Reads the rest of a refused body, so that its sender receives the answer. */
export const drain = async (body: ReadableStream<Uint8Array>, maxBytes = maxDrainedBytes): Promise<void> => {
  if (body.locked) return;
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > maxBytes) return;
  }
};

/** Reads a body. It counts the bytes instead of trusting Content-Length, and keeps none beyond the limit. */
const readBytes = async (body: ReadableStream<Uint8Array> | null): Promise<Uint8Array<ArrayBuffer>> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length <= maxBodyBytes) chunks.push(chunk);
    if (length > maxDrainedBytes) break;
  }
  if (length > maxBodyBytes) {
    throw new AppError('payload_too_large', { detail: `at most ${maxBodyBytes} bytes` });
  }
  return concatenate(chunks);
};

/** A body that breaks off is the client's failure. */
const brokenOff = (error: unknown): never => {
  if (error instanceof AppError) throw error;
  throw new AppError('malformed_json', { detail: 'The body broke off.', cause: error });
};

/** Whether a body is UTF-8, also the %XX bytes of a form, which its parser would silently replace by U+FFFD. */
const isUtf8 = (bytes: Uint8Array, kind: BodyKind): boolean => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
    if (kind === 'form') decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
};

/**
 * Reads the body once, within the limit, and leaves it for Hono's validator to parse. A body is plain UTF-8 of the kind
 * that the route accepts; a missing body counts as a body without members.
 * @throws AppError `payload_too_large`, `unsupported_media_type`, `malformed_json`
 */
export const bufferBody = async (c: Context, kind: BodyKind): Promise<void> => {
  const bytes = await readBytes(c.req.raw.body).catch(brokenOff);
  const { type, charsets } = contentType(c);
  if (bytes.length === 0 && type === '') return;
  if (type !== mediaTypes[kind] || charsets.some((charset) => charset !== 'utf-8')) {
    throw new AppError('unsupported_media_type', {
      detail: `Content-Type must be ${mediaTypes[kind]} in UTF-8.`,
    });
  }
  if ((c.req.header('Content-Encoding') ?? 'identity') !== 'identity') {
    throw new AppError('unsupported_media_type', { detail: 'A compressed body is not accepted.' });
  }
  if (!isUtf8(bytes, kind)) throw new AppError('malformed_json', { detail: 'The body is not valid UTF-8.' });
  c.req.raw = new Request(c.req.raw, { body: bytes });
};
