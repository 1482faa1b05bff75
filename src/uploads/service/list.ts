import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type { Upload } from '../rules/upload.ts';
import type { UploadRepository } from '../sql/uploads.ts';

type Deps = { readonly uploads: Pick<UploadRepository, 'listOwn'> };

/** A page of the actor's files, newest first. @throws AppError `session_revoked`, `account_disabled` */
export const createListUploads =
  ({ uploads }: Deps) =>
  async (ctx: SessionContext, { cursor, limit }: PageRequest): Promise<Page<Upload>> => {
    const found = await uploads.listOwn(ctx, { after: cursor, limit: limit + 1 });
    if (found.refusal !== null) throw new AppError(found.refusal);
    return pageOf(found.uploads, limit, ({ id }) => id);
  };
