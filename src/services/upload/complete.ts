import type { RequestContext } from '../../context.ts';
import { type ContentFlaw, contentFlawDetail } from '../../domain/file-content.ts';
import type { ObjectStore, ObjectVersion, StoredObject } from '../../domain/storage.ts';
import { objectName, quarantineKey, type Upload } from '../../domain/upload.ts';
import type { UploadQueue } from '../../domain/upload-schedule.ts';
import { AppError } from '../../errors.ts';
import type { Confirmation, UploadRepository } from '../../repositories/uploads.ts';

type Deps = {
  readonly uploads: Pick<UploadRepository, 'complete'>;
  readonly store: Pick<ObjectStore, 'head'>;
  readonly inspectContent: (
    object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
    signal: AbortSignal,
  ) => Promise<ContentFlaw | null>;
  readonly queue: UploadQueue;
};

const detailOf = (reason: string | null): string =>
  contentFlawDetail[reason as ContentFlaw] ?? 'The bytes are not those that were declared.';

/**
 * Confirms that the bytes are there and are what was declared, and has them scanned. Asked again, it tells how far
 * things are, and goes on with what is due. The object is looked for under the actor's own id, so that there is none of anybody else's to find.
 * @throws AppError `not_found`, `conflict` while the bytes are missing, `upload_rejected`, `service_unavailable`
 */
export const createCompleteUpload = ({ uploads, store, inspectContent, queue }: Deps) => {
  const lookAt = async ({ signal }: RequestContext, key: string): Promise<Confirmation | null> => {
    const object = await store.head(key, signal);
    if (!object) return null;
    return { object, flaw: await inspectContent({ key, ...object }, signal) };
  };

  return async (ctx: RequestContext, id: string): Promise<Upload> => {
    const key = quarantineKey(objectName(ctx.actor?.userId ?? '', id));
    const confirmation = await lookAt(ctx, key);
    const { refusal, upload, changed, isDue } = await uploads.complete(ctx, id, confirmation);
    if (refusal !== null) throw new AppError(refusal);
    if (!upload) throw new AppError('not_found');
    if (isDue) ctx.defer('upload queue', queue.enqueue([id]));
    if (changed && upload.status === 'failed')
      throw new AppError('upload_rejected', { detail: detailOf(upload.reason) });
    if (upload.status === 'pending')
      throw new AppError('conflict', {
        detail: 'The bytes have not arrived yet; send them to the upload URL.',
      });
    return upload;
  };
};
