import type { RequestContext, SessionContext } from '../../platform/context.ts';
import { AppError, findAppError } from '../../platform/errors.ts';
import type { ObjectStore, ObjectVersion, StoredObject } from '../../platform/rules/storage.ts';
import { type ContentFlaw, contentFlawDetail } from '../rules/file-content.ts';
import { objectName, quarantineKey, type Upload } from '../rules/upload.ts';
import type { UploadQueue } from '../rules/upload-schedule.ts';
import type { Confirmation, UploadRepository } from '../sql/uploads.ts';

/** `isBeingInspected`: another request looks into the bytes; how it ends is not known yet. */
export type Completion = { readonly upload: Upload; readonly isBeingInspected: boolean };

type Deps = {
  readonly uploads: Pick<UploadRepository, 'claimInspection' | 'releaseInspection' | 'complete'>;
  readonly store: Pick<ObjectStore, 'head'>;
  readonly inspectContent: (
    object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
    signal: AbortSignal,
  ) => Promise<ContentFlaw | null>;
  readonly queue: UploadQueue;
  /** Longer than a request lives: when it is over, nobody looks any more. */
  readonly leaseSeconds: number;
};

const detailOf = (reason: string | null): string =>
  contentFlawDetail[reason as ContentFlaw] ?? 'The bytes are not those that were declared.';

/** Whether it was our own failure. A time-out is not: what takes too long once would do so at once again. */
const isOurs = (error: unknown): boolean => {
  const code = findAppError(error)?.code;
  return code === 'service_unavailable' || code === 'conflict';
};

/**
 * Confirms that the bytes are there and are what was declared, and has them scanned. The row comes first: the bucket is
 * asked for a pending file of the actor's alone, and its bytes are looked into by one request at a time. Asked again, it
 * tells how far things are, and goes on with what is due.
 * @throws AppError `not_found`, `conflict` while the bytes are missing, `upload_rejected`, `service_unavailable`
 */
export const createCompleteUpload = ({ uploads, store, inspectContent, queue, leaseSeconds }: Deps) => {
  const inspect = async (ctx: RequestContext, id: string, claim: number): Promise<Confirmation | null> => {
    const { actor, signal } = ctx;
    const key = quarantineKey(objectName(actor?.userId ?? '', id));
    try {
      const object = await store.head(key, signal);
      if (object) return { claim, object, flaw: await inspectContent({ key, ...object }, signal) };
    } catch (error) {
      if (isOurs(error)) await uploads.releaseInspection(ctx, id, claim);
      throw error;
    }
    await uploads.releaseInspection(ctx, id, claim);
    return null;
  };

  const confirm = async (ctx: SessionContext, id: string, confirmation: Confirmation): Promise<Upload> => {
    const { refusal, upload, changed, isDue } = await uploads.complete(ctx, id, confirmation);
    if (refusal !== null) throw new AppError(refusal);
    if (!upload) throw new AppError('not_found');
    if (isDue) ctx.defer('upload queue', queue.enqueue([id]));
    if (changed && upload.status === 'failed')
      throw new AppError('upload_rejected', { detail: detailOf(upload.reason) });
    return upload;
  };

  return async (ctx: SessionContext, id: string): Promise<Completion> => {
    const { refusal, upload, claim, isDue } = await uploads.claimInspection(ctx, id, leaseSeconds);
    if (refusal !== null) throw new AppError(refusal);
    if (!upload) throw new AppError('not_found');
    if (claim === null) {
      if (isDue) ctx.defer('upload queue', queue.enqueue([id]));
      return { upload, isBeingInspected: upload.status === 'pending' };
    }
    const confirmation = await inspect(ctx, id, claim);
    if (confirmation === null)
      throw new AppError('conflict', {
        detail: 'The bytes have not arrived yet; send them to the upload URL.',
      });
    const confirmed = await confirm(ctx, id, confirmation);
    return { upload: confirmed, isBeingInspected: confirmed.status === 'pending' };
  };
};
