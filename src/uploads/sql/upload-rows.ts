import { type SQL, sql } from 'drizzle-orm';
import type { Upload, UploadRecord, UploadStatus } from '../rules/upload.ts';

export type UploadRow = {
  id: string;
  filename: string;
  content_type: string;
  size: string;
  sha256: string;
  status: UploadStatus;
  reason: string | null;
  created_at: Date;
  expires_at: Date;
};

export type UploadRecordRow = UploadRow & {
  user_id: string | null;
  object_name: string;
  etag: string | null;
  promoted_etag: string | null;
  attempts: number;
  deleted_at: Date | null;
};

/** The columns that the owner sees, of a statement that has the table, or a row of it, as `u`. */
export const uploadColumns: SQL = sql`
  u.id, u.filename, u.content_type, u.size, u.sha256, u.status, u.reason, u.created_at, u.expires_at`;

/** And those that the jobs need beside them. */
export const uploadRecordColumns: SQL = sql`
  ${uploadColumns}, u.user_id, u.object_name, u.etag, u.promoted_etag, u.attempts, u.deleted_at`;

export const toUpload = (row: UploadRow): Upload => ({
  id: row.id,
  filename: row.filename,
  contentType: row.content_type,
  size: Number(row.size),
  sha256: row.sha256,
  status: row.status,
  reason: row.reason,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});

export const toUploadRecord = (row: UploadRecordRow): UploadRecord => ({
  ...toUpload(row),
  userId: row.user_id,
  objectName: row.object_name,
  etag: row.etag,
  promotedEtag: row.promoted_etag,
  attempts: row.attempts,
  deletedAt: row.deleted_at,
});

/** Whether the bytes of a status count as held. */
export const holdsBytes = (status: SQL): SQL => sql`${status} in ('pending', 'scanning', 'clean')`;

/** Gives back to the account what the rows of `from`, as `r`, no longer hold; at most one row an account. */
export const releaseUsage = (from: SQL, { files, bytes }: { files: SQL; bytes: SQL }): SQL => sql`
  update upload_usage usage set files = usage.files - ${files}, bytes = usage.bytes - ${bytes}
  from ${from} where usage.user_id = r.user_id`;

/**
 * Takes the lock of an upload, for the statement after it in the same transaction: that one begins when the lock is
 * held, and sees what whoever held it before has written. A lock taken inside of it would come after its snapshot.
 */
export const lockUpload = (id: string): SQL => sql`select from uploads where id = ${id}::uuid for update`;
