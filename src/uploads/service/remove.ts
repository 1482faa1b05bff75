import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { UploadQueue } from '../rules/upload-schedule.ts';
import type { UploadRepository } from '../sql/uploads.ts';

type Deps = { readonly uploads: Pick<UploadRepository, 'removeOwn'>; readonly queue: UploadQueue };

/** Deletes one of the actor's files, at once for everybody who asks. @throws AppError `not_found`, `session_revoked` */
export const createRemoveUpload =
  ({ uploads, queue }: Deps) =>
  async (ctx: SessionContext, id: string): Promise<void> => {
    const { refusal, removed } = await uploads.removeOwn(ctx, id);
    if (refusal !== null) throw new AppError(refusal);
    if (!removed) throw new AppError('not_found');
    ctx.defer('upload queue', queue.enqueue([id]));
  };
