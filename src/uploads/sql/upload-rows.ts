import { type SQL, sql } from 'drizzle-orm';
import type { Metrics } from '../../platform/rules/metrics.ts';
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

/** The columns that an owner sees, of the table `uploads` or of a relation with its columns. */
export const ownerColumns = (relation: SQL): SQL =>
  sql.join(
    ['id', 'filename', 'content_type', 'size', 'sha256', 'status', 'reason', 'created_at', 'expires_at'].map(
      (column) => sql`${relation}.${sql.identifier(column)}`,
    ),
    sql`, `,
  );

/** The columns of an `UploadRecord`. */
export const recordColumns = (relation: SQL): SQL => sql`
  ${ownerColumns(relation)}, ${relation}.user_id, ${relation}.object_name, ${relation}.etag,
  ${relation}.promoted_etag, ${relation}.attempts, ${relation}.deleted_at`;

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

/** Whether the bytes of an upload in this status count against the quota. */
export const holdsBytes = (status: SQL): SQL => sql`${status} in ('pending', 'scanning', 'clean')`;

/** Lowers the usage of the account of each row of the relation, which has at most one row per account. */
export const releaseUsage = (relation: SQL, { files, bytes }: { files: SQL; bytes: SQL }): SQL => sql`
  update upload_usage usage set files = usage.files - ${files}, bytes = usage.bytes - ${bytes}
  from ${relation} where usage.user_id = ${relation}.user_id`;

/**
 * Locks an upload for the next statement of the same transaction. That statement then sees what the previous holder
 * of the lock has written; a lock taken within it would come after its snapshot.
 */
export const lockUpload = (id: string): SQL => sql`select from uploads where id = ${id}::uuid for update`;

/** Counts the states that uploads come into; the statements that write a state call it. */
export const createTransitionCounter =
  (metrics: Metrics) =>
  (status: UploadStatus | 'expired'): void =>
    metrics.count('itsor_upload_transitions_total', { status });
