import type { RequestContext } from '../../context.ts';
import { chooseRange, type RangeChoice } from '../../domain/byte-range.ts';
import type { ObjectStore, ObjectVersion } from '../../domain/storage.ts';
import { cleanKey, quarantineKey, type Upload, type UploadRecord } from '../../domain/upload.ts';
import { AppError } from '../../errors.ts';
import type { UploadRepository } from '../../repositories/uploads.ts';

export type Download = {
  readonly upload: Upload;
  /** Of the content itself, whatever store holds it. */
  readonly entityTag: string;
  readonly range: RangeChoice;
  /** Null where the range has no bytes. @throws AppError `service_unavailable`, `conflict` */
  readonly open: () => Promise<ReadableStream<Uint8Array> | null>;
};

type Deps = {
  readonly uploads: Pick<UploadRepository, 'findOwn'>;
  readonly store: Pick<ObjectStore, 'read'>;
};

/** The very bytes that were scanned: before they are moved and after. */
const versionOf = ({ objectName, etag, promotedEtag }: UploadRecord): ObjectVersion =>
  promotedEtag === null
    ? { key: quarantineKey(objectName), etag: etag ?? '' }
    : { key: cleanKey(objectName), etag: promotedEtag };

/**
 * Finds a clean file of the actor's, and what of it is asked for.
 * @throws AppError `not_found`, `upload_not_clean`, `session_revoked`, `account_disabled`
 */
export const createDownloadUpload =
  ({ uploads, store }: Deps) =>
  async (
    ctx: RequestContext,
    id: string,
    asked: { range: string | undefined; ifRange: string | undefined },
  ): Promise<Download> => {
    const { refusal, upload } = await uploads.findOwn(ctx, id);
    if (refusal !== null) throw new AppError(refusal);
    if (!upload) throw new AppError('not_found');
    if (upload.status !== 'clean')
      throw new AppError('upload_not_clean', { detail: `It is ${upload.status}.` });

    const entityTag = `"${upload.sha256}"`;
    const range = chooseRange(asked, { size: upload.size, entityTag });
    const open = async () => {
      if (range.kind === 'unsatisfiable') return null;
      const content = await store.read(
        versionOf(upload),
        range.kind === 'part' ? range.span : null,
        ctx.signal,
      );
      if (!content) throw new AppError('conflict', { detail: 'The file is being moved; try again.' });
      return content;
    };
    return { upload, entityTag, range, open };
  };
