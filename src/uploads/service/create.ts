import type { SessionContext } from '../../platform/context.ts';
import { AppError, type FieldError } from '../../platform/errors.ts';
import type { IssueTicket, UploadTicket } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { fileNameFlaw, fitsType } from '../rules/file-name.ts';
import {
  objectName,
  quarantineKey,
  type UploadDeclaration,
  type UploadQuota,
  uploadUrlTtlSeconds,
} from '../rules/upload.ts';
import type { UploadRepository } from '../sql/uploads.ts';

export type UploadPolicy = {
  readonly maxBytes: number;
  readonly allowedTypes: readonly string[];
  readonly quota: UploadQuota;
};

export type CreatedUpload = UploadTicket & { readonly id: string; readonly expiresAt: Date };

type Deps = {
  readonly uploads: Pick<UploadRepository, 'create'>;
  readonly issueTicket: IssueTicket;
  readonly policy: UploadPolicy;
  readonly newId: (now: Date) => string;
};

const flawsOf = (
  { filename, contentType, size }: UploadDeclaration,
  { maxBytes, allowedTypes }: UploadPolicy,
): FieldError[] => {
  const nameFlaw = fileNameFlaw(filename);
  const isAllowed = allowedTypes.includes(contentType);
  return [
    ...(nameFlaw ? [{ pointer: '/filename', ...nameFlaw }] : []),
    ...(!nameFlaw && isAllowed && !fitsType(filename, contentType)
      ? [{ pointer: '/filename', code: 'wrong_ending', detail: 'the ending is none of this type' }]
      : []),
    ...(isAllowed
      ? []
      : [
          {
            pointer: '/content_type',
            code: 'unsupported',
            detail: `must be one of ${allowedTypes.join(', ')}`,
          },
        ]),
    ...(size > maxBytes
      ? [{ pointer: '/size', code: 'too_large', detail: `at most ${maxBytes} bytes` }]
      : []),
  ];
};

/**
 * Takes a declaration, and gives out the URL for just those bytes.
 * @throws AppError `validation_failed`, `upload_quota_exceeded`, `session_revoked`, `account_disabled`
 */
export const createCreateUpload =
  ({ uploads, issueTicket, policy, newId }: Deps) =>
  async (ctx: SessionContext, declaration: UploadDeclaration, origin: string): Promise<CreatedUpload> => {
    const errors = flawsOf(declaration, policy);
    if (errors.length > 0) throw new AppError('validation_failed', { errors });

    const { now } = ctx;
    const id = newId(now);
    const name = objectName(ctx.actor?.userId ?? '', id);
    const expiresAt = secondsAfter(now, uploadUrlTtlSeconds);
    const { refusal, created } = await uploads.create(
      ctx,
      { ...declaration, id, objectName: name, expiresAt },
      policy.quota,
    );
    if (refusal !== null) throw new AppError(refusal);
    if (!created) {
      const { maxFiles, maxTotalBytes } = policy.quota;
      throw new AppError('upload_quota_exceeded', {
        detail: `An account holds at most ${maxFiles} files and ${maxTotalBytes} bytes; delete some first.`,
      });
    }
    const ticket = await issueTicket({
      ...declaration,
      uploadId: id,
      key: quarantineKey(name),
      origin,
      now,
      expiresAt,
    });
    return { ...ticket, id, expiresAt };
  };
