import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { quarantineKey, type Upload } from '../rules/upload.ts';
import type { UploadSql } from '../sql/uploads.ts';

/**
 * Confirms that the bytes are there, and has them inspected and scanned. The row comes first, so that the bucket is
 * asked about pending files of the actor only. A repeated call tells the present state.
 * @throws AppError `not_found`, `conflict` while the bytes are missing, `service_unavailable`
 */
export const createComplete =
  (parts: {
    readonly rows: Pick<UploadSql, 'findOwn' | 'confirm'>;
    readonly store: Pick<ObjectStore, 'head'>;
    readonly enqueue: (id: string) => Promise<void>;
  }) =>
  async (ctx: SessionContext, id: string): Promise<Upload> => {
    const { rows, store, enqueue } = parts;
    const haveDone = (isDue: boolean): void => {
      if (isDue) ctx.defer('upload queue', enqueue(id));
    };
    const known = await rows.findOwn(ctx, id);
    if (known.status !== 'pending') {
      haveDone(known.nextAttemptAt !== null && known.nextAttemptAt <= ctx.now);
      return known;
    }
    const object = await store.head(quarantineKey(known.objectName), ctx.signal);
    if (!object) {
      const detail = 'The bytes have not arrived yet; send them to the upload URL.';
      throw new AppError('conflict', { detail });
    }
    const { upload, isDue } = await rows.confirm(ctx, id, object);
    haveDone(isDue);
    return upload;
  };
