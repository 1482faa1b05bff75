import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type { Upload } from '../rules/upload.ts';
import type { UploadRepository } from '../sql/uploads.ts';

type Deps = { readonly uploads: Pick<UploadRepository, 'listOf'> };

/** A page of somebody's files, newest first, without their contents. @throws AppError `not_found`, `forbidden` and what ends a session */
export const createListUploadsOf =
  ({ uploads }: Deps) =>
  async (ctx: PermittedContext, userId: string, { cursor, limit }: PageRequest): Promise<Page<Upload>> => {
    const found = await uploads.listOf(ctx, userId, { after: cursor, limit: limit + 1 });
    assertDone(found.refusal);
    return pageOf(found.uploads, limit, ({ id }) => id);
  };
