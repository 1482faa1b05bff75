import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { declaredType } from '../../platform/rules/media-types.ts';
import {
  checksumHeader,
  checksumOf,
  type PresentedUrl,
  type PutOutcome,
  type Receiving,
} from '../../platform/rules/storage.ts';
import { quarantineKey, type UploadRecord } from '../rules/upload.ts';
import type { UploadSql } from '../sql/uploads.ts';

/** A PUT to an upload URL. */
export type IncomingBytes = PresentedUrl & {
  readonly contentType: string | undefined;
  readonly contentLength: string | undefined;
  readonly checksum: string | undefined;
  readonly body: ReadableStream<Uint8Array>;
};

const differs = (pointer: string, detail: string): AppError =>
  new AppError('upload_rejected', { errors: [{ pointer, code: 'differs', detail }] });

/** What the headers alone show to be wrong, before a byte is read. */
const flawOf = (
  upload: UploadRecord,
  { contentType, contentLength, checksum }: IncomingBytes,
): AppError | null => {
  if (declaredType(contentType ?? '', upload.filename, [upload.contentType]) === null)
    return differs('/content_type', `must be ${upload.contentType}`);
  if (checksum !== checksumOf(upload.sha256))
    return differs('/sha256', `${checksumHeader} must be the declared checksum`);
  if (contentLength !== undefined && Number(contentLength) !== upload.size)
    return differs('/size', `must be ${upload.size} bytes`);
  return null;
};

const refusalOf = (outcome: Exclude<PutOutcome, 'stored'>, { size }: UploadRecord): AppError => {
  switch (outcome) {
    case 'too_short':
    case 'too_long':
      return differs('/size', `must be ${size} bytes`);
    case 'wrong_checksum':
      return differs('/sha256', 'the bytes have another checksum');
    case 'broken_off':
      return differs('/size', 'the bytes broke off');
  }
};

/**
 * Streams the bytes of a signed URL into quarantine, again too while they are not confirmed: a client may have lost the
 * first answer. Bytes that differ from the declaration are not kept.
 * @param parts `receiving` is null where clients send their bytes to the storage itself
 * @throws AppError `upload_url_invalid`, `not_found`, `conflict`, `upload_rejected`, `service_unavailable`
 */
export const createReceive =
  (parts: {
    readonly rows: UploadSql;
    readonly receiving: Receiving | null;
    /** The longest pause between two pieces. */
    readonly pauseMs: number;
  }) =>
  async (ctx: RequestContext, incoming: IncomingBytes): Promise<void> => {
    const { rows, receiving, pauseMs } = parts;
    if (!receiving) throw new AppError('not_found');
    const verdict = await receiving.verifyUrl(incoming, ctx.now);
    if (verdict === 'expired')
      throw new AppError('upload_url_invalid', { detail: 'The URL has expired; declare the file again.' });
    if (verdict === 'forged') throw new AppError('upload_url_invalid');

    const upload = await rows.findForPut(ctx, incoming.uploadId);
    if (!upload) throw new AppError('not_found');
    if (upload.status !== 'pending') throw new AppError('conflict', { detail: 'The upload is complete.' });
    const flaw = flawOf(upload, incoming);
    if (flaw) throw flaw;

    const key = quarantineKey(upload.objectName);
    const goOn = () => ctx.keepAlive(pauseMs);
    goOn();
    const outcome = await receiving.store.put(key, incoming.body, upload, goOn, ctx.signal);
    if (outcome !== 'stored') throw refusalOf(outcome, upload);
  };
