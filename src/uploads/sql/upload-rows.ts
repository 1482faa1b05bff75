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
  next_attempt_at: Date | null;
  inspected_at: Date | null;
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
  ${relation}.promoted_etag, ${relation}.attempts, ${relation}.next_attempt_at, ${relation}.inspected_at,
  ${relation}.deleted_at`;

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
  nextAttemptAt: row.next_attempt_at,
  inspectedAt: row.inspected_at,
  deletedAt: row.deleted_at,
});

/**
 * Counts the files that an account holds, and their bytes. A file gives its place back by its status or deletion alone,
 * and none takes a place again later: a refused file stays refused.
 * @param admitted a relation with `refusal` and `user_id`, such as the gate
 */
export const heldBy = (admitted: SQL): SQL => sql`
  select count(*)::int as files, coalesce(sum(held_upload.size), 0)::bigint as bytes
  from uploads held_upload join ${admitted} on ${admitted}.refusal is null and held_upload.user_id = ${admitted}.user_id
  where held_upload.deleted_at is null and held_upload.status in ('pending', 'scanning', 'clean')`;

/** Whether a file is refused for good: its bytes are gone, and its upload URL takes none any more. */
export const isAtItsRefusedEnd = (relation: SQL): SQL =>
  sql`${relation}.status in ('infected', 'failed') and ${relation}.next_attempt_at is null`;

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
