import type { SessionContext } from '../../platform/context.ts';
import { AppError, findAppError } from '../../platform/errors.ts';
import type { ObjectStore, ObjectVersion, StoredObject } from '../../platform/rules/storage.ts';
import { type ContentFlaw, contentFlawDetail } from '../rules/file-content.ts';
import { objectName, quarantineKey, type Upload } from '../rules/upload.ts';
import type { Confirmation, UploadSql } from '../sql/uploads.ts';

/** `isBeingInspected`: another request inspects the bytes, and its result is not known yet. */
type Completion = { readonly upload: Upload; readonly isBeingInspected: boolean };

const detailOf = (reason: string | null): string =>
  contentFlawDetail[reason as ContentFlaw] ?? 'The bytes are not those that were declared.';

/** Whether the service failed, so that the next request can try at once; after a timeout it would fail too. */
const isOurs = (error: unknown): boolean => {
  const code = findAppError(error)?.code;
  return code === 'service_unavailable' || code === 'conflict';
};

/**
 * Confirms that the bytes are there and are what was declared, and has them scanned. The claim in the row comes first,
 * so that one request at a time asks the bucket and inspects the bytes. A repeated call tells the present state.
 * @throws AppError `not_found`, `conflict` while the bytes are missing, `upload_rejected`, `service_unavailable`
 */
export const createComplete = (parts: {
  readonly rows: UploadSql;
  readonly store: ObjectStore;
  readonly inspectContent: (
    object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
    signal: AbortSignal,
  ) => Promise<ContentFlaw | null>;
  readonly enqueue: (id: string) => Promise<void>;
  /** When it is over, the request of a claim has ended. */
  readonly leaseSeconds: number;
}) => {
  const { rows, store, inspectContent, enqueue, leaseSeconds } = parts;

  /** @returns null while the bytes are missing */
  const inspect = async (ctx: SessionContext, id: string, claim: number): Promise<Confirmation | null> => {
    const key = quarantineKey(objectName(ctx.actor.userId, id));
    try {
      const object = await store.head(key, ctx.signal);
      if (object) return { claim, object, flaw: await inspectContent({ key, ...object }, ctx.signal) };
    } catch (error) {
      if (isOurs(error)) await rows.releaseInspection(ctx, id, claim);
      throw error;
    }
    await rows.releaseInspection(ctx, id, claim);
    return null;
  };

  return async (ctx: SessionContext, id: string): Promise<Completion> => {
    const { upload, claim, isDue } = await rows.claimInspection(ctx, id, leaseSeconds);
    if (claim === null) {
      if (isDue) ctx.defer('upload queue', enqueue(id));
      return { upload, isBeingInspected: upload.status === 'pending' };
    }
    const confirmation = await inspect(ctx, id, claim);
    if (!confirmation)
      throw new AppError('conflict', {
        detail: 'The bytes have not arrived yet; send them to the upload URL.',
      });
    const confirmed = await rows.confirm(ctx, id, confirmation);
    if (confirmed.isDue) ctx.defer('upload queue', enqueue(id));
    const { status, reason } = confirmed.upload;
    if (confirmed.isChanged && status === 'failed')
      throw new AppError('upload_rejected', { detail: detailOf(reason) });
    return { upload: confirmed.upload, isBeingInspected: status === 'pending' };
  };
};
