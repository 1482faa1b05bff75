import type { Agenda } from '../../agenda/rules.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { SessionContext } from '../../platform/context.ts';
import { AppError, type FieldError } from '../../platform/errors.ts';
import type { IssueTicket, UploadTicket } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { fileNameFlaw, fitsType } from '../rules/file-name.ts';
import {
  confirmationGraceSeconds,
  objectName,
  quarantineKey,
  type UploadDeclaration,
  uploadUrlTtlSeconds,
} from '../rules/upload.ts';
import type { UploadSql } from '../sql/uploads.ts';

type Policy = Pick<Config['uploads'], 'maxBytes' | 'allowedTypes' | 'quota'>;

type DeclaredUpload = UploadTicket & { readonly id: string; readonly expiresAt: Date };

/** What the policy has against a declaration, or against the parts of it that could be read. */
export const declarationFlaws = (
  { filename, contentType, size = 0 }: Partial<UploadDeclaration>,
  { maxBytes, allowedTypes }: Policy,
): readonly FieldError[] => {
  const nameFlaw = filename === undefined ? undefined : fileNameFlaw(filename);
  const flaws: FieldError[] = nameFlaw ? [{ pointer: '/filename', ...nameFlaw }] : [];
  if (contentType !== undefined && !allowedTypes.includes(contentType)) {
    const detail = `must be one of ${allowedTypes.join(', ')}`;
    flaws.push({ pointer: '/content_type', code: 'unsupported', detail });
  } else if (
    !nameFlaw &&
    filename !== undefined &&
    contentType !== undefined &&
    !fitsType(filename, contentType)
  ) {
    flaws.push({ pointer: '/filename', code: 'wrong_ending', detail: 'the ending does not fit the type' });
  }
  if (size > maxBytes)
    flaws.push({ pointer: '/size', code: 'too_large', detail: `at most ${maxBytes} bytes` });
  return flaws;
};

/**
 * Takes the declaration of a file, and issues the URL for exactly these bytes.
 * @throws AppError `validation_failed`, `upload_quota_exceeded` and what the gate refuses with
 */
export const createDeclare =
  (parts: {
    readonly rows: UploadSql;
    readonly issueTicket: IssueTicket;
    readonly policy: Policy;
    readonly newId: (now: Date) => string;
    readonly agenda: Agenda;
  }) =>
  async (ctx: SessionContext, declaration: UploadDeclaration, apiUrl: string): Promise<DeclaredUpload> => {
    const { rows, issueTicket, policy, newId, agenda } = parts;
    const errors = declarationFlaws(declaration, policy);
    if (errors.length > 0) throw new AppError('validation_failed', { errors });

    const { now } = ctx;
    const id = newId(now);
    const name = objectName(ctx.actor.userId, id);
    const expiresAt = secondsAfter(now, uploadUrlTtlSeconds);
    const isCreated = await rows.create(
      ctx,
      { ...declaration, id, objectName: name, expiresAt },
      policy.quota,
    );
    if (!isCreated) {
      const { maxFiles, maxTotalBytes } = policy.quota;
      throw new AppError('upload_quota_exceeded', {
        detail: `An account holds at most ${maxFiles} files and ${maxTotalBytes} bytes; delete some first.`,
      });
    }
    const end = { id, at: secondsAfter(expiresAt, confirmationGraceSeconds) };
    ctx.defer('note the end of an upload', agenda.set([end]));
    const key = quarantineKey(name);
    const ticket = await issueTicket({ ...declaration, uploadId: id, key, apiUrl, now, expiresAt });
    return { ...ticket, id, expiresAt };
  };
