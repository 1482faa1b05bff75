import type { SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type AskedRange, chooseRange } from '../../platform/rules/byte-range.ts';
import { judgeRead, type Preconditions } from '../../platform/rules/preconditions.ts';
import type { ByteSpan, ObjectStore, ObjectVersion } from '../../platform/rules/storage.ts';
import { cleanKey, quarantineKey, type Upload, type UploadRecord } from '../rules/upload.ts';
import type { UploadSql } from '../sql/uploads.ts';

export type AskedDownload = AskedRange & { readonly preconditions: Preconditions };

export type Download = {
  readonly upload: Upload;
  /** The version of the content, the same in every store. */
  readonly version: string;
  /** Null: the client has the bytes already. */
  readonly bytes: {
    /** Null: the whole file. */
    readonly span: ByteSpan | null;
    /** @throws AppError `service_unavailable`, `conflict` */
    readonly open: () => Promise<ReadableStream<Uint8Array>>;
  } | null;
};

/** The bytes that were scanned: in quarantine, or the copy outside. */
const versionOf = ({ objectName, etag, promotedEtag }: UploadRecord): ObjectVersion =>
  promotedEtag === null
    ? { key: quarantineKey(objectName), etag: etag ?? '' }
    : { key: cleanKey(objectName), etag: promotedEtag };

/**
 * Finds a clean file of the actor, and the part of it that is asked for.
 * @throws AppError `not_found`, `upload_not_clean`, `precondition_failed`, `range_not_satisfiable` and what the gate
 * refuses with
 */
export const createDownload =
  ({ rows, store }: { readonly rows: UploadSql; readonly store: ObjectStore }) =>
  async (ctx: SessionContext, id: string, { preconditions, ...asked }: AskedDownload): Promise<Download> => {
    const upload = await rows.findOwn(ctx, id);
    if (upload.status !== 'clean')
      throw new AppError('upload_not_clean', { detail: `It is ${upload.status}.` });

    const { size, sha256: version } = upload;
    const judged = judgeRead(preconditions, version);
    if (judged === 'failed') throw new AppError('precondition_failed');
    if (judged === 'unmodified') return { upload, version, bytes: null };

    const range = chooseRange(asked, { size, version });
    if (range.kind === 'unsatisfiable') throw new AppError('range_not_satisfiable', { wholeSize: size });
    const span = range.kind === 'part' ? range.span : null;
    const open = async () => {
      const content = await store.read(versionOf(upload), span, ctx.signal);
      if (!content) throw new AppError('conflict', { detail: 'The file is being moved; try again.' });
      return content;
    };
    return { upload, version, bytes: { span, open } };
  };
