import type { Agenda } from '../../agenda/rules.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { SessionContext } from '../../platform/context.ts';
import { AppError, type FieldError } from '../../platform/errors.ts';
import { declaredOrNamedType, endingsOf, fitsType, typeForName } from '../../platform/rules/media-types.ts';
import type { IssueTicket, UploadTicket } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { fileNameFlaw } from '../rules/file-name.ts';
import {
  confirmationGraceSeconds,
  objectName,
  quarantineKey,
  type UploadDeclaration,
  uploadUrlTtlSeconds,
} from '../rules/upload.ts';
import type { UploadSql } from '../sql/uploads.ts';

type Policy = Pick<Config['uploads'], 'maxBytes' | 'allowedTypes' | 'quota'>;

type DeclaredUpload = UploadTicket & {
  readonly id: string;
  /** False for a file that was begun again. */
  readonly isNew: boolean;
  readonly size: number;
  readonly expiresAt: Date;
};

const listed = (words: readonly string[]): string => words.join(', ');

/** Says which type a name is of, where that one is allowed. */
const hintFor = (filename: string | undefined, allowed: readonly string[]): string => {
  const type = filename === undefined ? undefined : typeForName(filename, allowed);
  return type ? ` For a file of this name declare ${type}.` : '';
};

/** What the policy has against a declaration, or against the parts of it that could be read. */
export const declarationFlaws = (
  { filename, contentType, size = 0 }: Partial<UploadDeclaration>,
  { maxBytes, allowedTypes }: Policy,
): readonly FieldError[] => {
  const nameFlaw = filename === undefined ? undefined : fileNameFlaw(filename);
  const flaws: FieldError[] = nameFlaw ? [{ pointer: '/filename', ...nameFlaw }] : [];
  const type =
    contentType === undefined ? null : declaredOrNamedType(contentType, filename ?? '', allowedTypes);
  if (contentType !== undefined && type === null) {
    const detail = `Declare one of: ${listed(allowedTypes)}.${hintFor(filename, allowedTypes)}`;
    flaws.push({ pointer: '/content_type', code: 'unsupported', detail });
  } else if (!nameFlaw && filename !== undefined && type !== null && !fitsType(filename, type)) {
    const detail = `Endings that serve for ${type}: ${listed(endingsOf(type))}.${hintFor(filename, allowedTypes)}`;
    flaws.push({ pointer: '/filename', code: 'wrong_ending', detail });
  }
  if (size > maxBytes)
    flaws.push({ pointer: '/size', code: 'too_large', detail: `at most ${maxBytes} bytes` });
  return flaws;
};

/**
 * Takes the declaration of a file, and issues the URL for exactly these bytes. The same declaration again continues an
 * upload that was broken off: it gets the same file with a new URL.
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
  async (ctx: SessionContext, given: UploadDeclaration, apiUrl: string): Promise<DeclaredUpload> => {
    const { rows, issueTicket, policy, newId, agenda } = parts;
    const errors = declarationFlaws(given, policy);
    if (errors.length > 0) throw new AppError('validation_failed', { errors });
    const contentType = declaredOrNamedType(given.contentType, given.filename, policy.allowedTypes);
    const declaration = { ...given, contentType: contentType ?? given.contentType };

    const { now } = ctx;
    const newUploadId = newId(now);
    const { userId } = ctx.actor;
    const expiresAt = secondsAfter(now, uploadUrlTtlSeconds);
    const declared = await rows.create(
      ctx,
      { ...declaration, id: newUploadId, objectName: objectName(userId, newUploadId), expiresAt },
      policy.quota,
    );
    if (!declared) {
      const { maxFiles, maxTotalBytes } = policy.quota;
      throw new AppError('upload_quota_exceeded', {
        detail: `An account holds at most ${maxFiles} files and ${maxTotalBytes} bytes; delete some first.`,
      });
    }
    const { id } = declared;
    const end = { id, at: secondsAfter(expiresAt, confirmationGraceSeconds) };
    ctx.defer('note the end of an upload', agenda.set([end]));
    const key = quarantineKey(objectName(userId, id));
    const ticket = await issueTicket({ ...declaration, uploadId: id, key, apiUrl, now, expiresAt });
    return { ...ticket, ...declared, size: declaration.size, expiresAt };
  };
