import type { Context } from 'hono';
import { AppError } from '../errors.ts';
import { concatenate } from '../rules/bytes.ts';
import { essenceOf } from '../rules/typed-text.ts';

/** The body limit of every route except the uploads. */
export const maxBodyBytes = 65_536;

const mediaTypes = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const;
export type BodyKind = keyof typeof mediaTypes;

const contentTypeOf = (c: Context): string => c.req.header('Content-Type') ?? '';

/** Whether the body is of that kind. A client and its library may each send the header; then all of them must agree. */
export const hasBodyOf = (c: Context, kind: BodyKind): boolean =>
  contentTypeOf(c)
    .split(',')
    .every((type) => essenceOf(type) === mediaTypes[kind]);

/** The charsets that a Content-Type names: clients and proxies quote them, or add one that is there already. */
const charsetsOf = (contentType: string): readonly string[] =>
  contentType.split(/[;,]/).flatMap((parameter) => {
    const [, charset] = /^\s*charset\s*=\s*(.*)$/is.exec(parameter) ?? [];
    return charset === undefined ? [] : [charset.trim().replace(/^(["'])(.*)\1$/s, '$2')];
  });

/** Whether a label means UTF-8, such as `utf8` (Encoding standard, section 4.2), or ASCII, which is a part of it. */
const namesUtf8 = (label: string): boolean => {
  if (/^(?:us-)?ascii$/i.test(label)) return true;
  try {
    return new TextDecoder(label).encoding === 'utf-8';
  } catch {
    return false;
  }
};

/** The request with a body of one spelling of its type, because Hono's validator reads only some; null: without one. */
const withBody = (
  request: Request,
  body: { readonly bytes: Uint8Array<ArrayBuffer>; readonly kind: BodyKind } | null,
): Request => {
  const headers = new Headers(request.headers);
  if (body) headers.set('Content-Type', mediaTypes[body.kind]);
  else headers.delete('Content-Type');
  return new Request(request, { headers, body: body ? body.bytes : null });
};

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

const blank = /^\s*$/;
const blankJson = /^\s*(?:null\s*)?$/;
/** The delimiter that ends a multipart body, and no part before it (RFC 2046, section 5.1.1). */
const noParts = /^\s*--\S{1,70}--\s*$/;

/**
 * Whether a body says nothing: it is empty or blank, the `null` that serializers make of no object, or a multipart form
 * without a field.
 */
const isVoid = (c: Context, bytes: Uint8Array): boolean => {
  const text = new TextDecoder().decode(bytes);
  if (hasBodyOf(c, 'json')) return blankJson.test(text);
  return blank.test(text) || (essenceOf(contentTypeOf(c)) === 'multipart/form-data' && noParts.test(text));
};

const beginsAsObject = (bytes: Uint8Array): boolean =>
  /^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 64)));

/**
 * Reads the body once, within the limit, and leaves it for Hono's validator to parse. A body is plain UTF-8 of the kind
 * that the route accepts. A missing body of any type counts as a body without members, because clients set one header
 * for all of their calls; so does one that says nothing.
 * @param accepted every kind that the route accepts, for the error
 * @throws AppError `payload_too_large`, `unsupported_media_type`, `malformed_json`
 */
export const bufferBody = async (
  c: Context,
  kind: BodyKind,
  accepted: readonly BodyKind[] = [kind],
): Promise<void> => {
  const bytes = await readBytes(c.req.raw.body).catch(brokenOff);
  if (isVoid(c, bytes)) {
    c.req.raw = withBody(c.req.raw, null);
    return;
  }
  if (kind === 'form' && accepted.includes('json') && beginsAsObject(bytes)) {
    throw new AppError('unsupported_media_type', {
      detail: `The body looks like JSON: send it with Content-Type: ${mediaTypes.json}.`,
    });
  }
  if (!hasBodyOf(c, kind) || !charsetsOf(contentTypeOf(c)).every(namesUtf8)) {
    throw new AppError('unsupported_media_type', {
      detail: `Content-Type must be ${accepted.map((each) => mediaTypes[each]).join(' or ')} in UTF-8.`,
    });
  }
  if (!/^\s*(?:identity)?\s*$/i.test(c.req.header('Content-Encoding') ?? '')) {
    throw new AppError('unsupported_media_type', { detail: 'A compressed body is not accepted.' });
  }
  if (!isUtf8(bytes, kind)) throw new AppError('malformed_json', { detail: 'The body is not valid UTF-8.' });
  c.req.raw = withBody(c.req.raw, { bytes, kind });
};
