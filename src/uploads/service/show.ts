import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { Upload } from '../rules/upload.ts';
import type { UploadRepository } from '../sql/uploads.ts';

type Deps = { readonly uploads: Pick<UploadRepository, 'findOwn'> };

/** One of the actor's files. @throws AppError `not_found`, `session_revoked`, `account_disabled` */
export const createShowUpload =
  ({ uploads }: Deps) =>
  async (ctx: SessionContext, id: string): Promise<Upload> => {
    const { refusal, upload } = await uploads.findOwn(ctx, id);
    if (refusal !== null) throw new AppError(refusal);
    if (!upload) throw new AppError('not_found');
    return upload;
  };
