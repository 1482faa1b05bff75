import { sql } from 'drizzle-orm';
import { type AuditScope, insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { QueryScope } from '../../platform/db/client.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import type { StatementParts } from '../../sessions/sql/gate.ts';
import type { ContentFlaw } from '../rules/reasons.ts';
import type { UploadRecord, UploadStatus } from '../rules/upload.ts';
import {
  scanEventMemorySeconds,
  scannerPauseSeconds,
  uploadDelaysSeconds,
} from '../rules/upload-schedule.ts';
import {
  createTransitionCounter,
  lockUpload,
  recordColumns,
  toUploadRecord,
  type UploadRecordRow,
} from './upload-rows.ts';

/** Jobs run outside of requests; the id of the job takes the place of a request's id in the audit trail. */
export type JobScope = AuditScope & QueryScope;

/** Why a file is given up, and the status from which it can be. */
const openStatus = { scan_unanswered: 'scanning', bytes_gone: 'clean' } as const;
type GivenUp = keyof typeof openStatus;

export type UploadJobSql = ReturnType<typeof createUploadJobSql>;

/** Statements for the work on uploads in the background. */
export const createUploadJobSql = ({
  db,
  newId,
  metrics,
}: Pick<StatementParts, 'db' | 'newId' | 'metrics'>) => {
  const countTransition = createTransitionCounter(metrics);

  return {
    /**
     * Begins a piece of work and moves the next attempt ahead, which keeps other workers away until then: the second
     * of two parallel claims waits for the lock of the row, and then finds the row no longer due.
     */
    claim: async ({ now, signal }: JobScope, id: string): Promise<UploadRecord | null> => {
      const delays = `{${uploadDelaysSeconds.join()}}`;
      const attempt = sql`least(uploads.attempts + 1, ${uploadDelaysSeconds.length}::int)`;
      const [row] = await db.execute<UploadRecordRow>(
        { signal },
        sql`
          update uploads set
            attempts = uploads.attempts + 1,
            next_attempt_at = ${now}::timestamptz + (${delays}::int[])[${attempt}] * interval '1 second'
          where uploads.id = ${id}::uuid and uploads.next_attempt_at <= ${now}
          returning ${recordColumns(sql`uploads`)}`,
      );
      return row ? toUploadRecord(row) : null;
    },

    /**
     * Records, once, what the inspection of the confirmed bytes found. A verdict of these bytes that came before now
     * makes the file clean. @returns the status of the file, or null where it is gone
     */
    recordInspection: async (
      scope: JobScope,
      { id, etag }: Pick<UploadRecord, 'id' | 'etag'>,
      flaw: ContentFlaw | null,
    ): Promise<UploadStatus | null> => {
      const { now } = scope;
      const eventOf = (type: 'upload.clean' | 'upload.failed') =>
        insertAudit(scope, {
          id: newId(now),
          type,
          actor: noOne,
          subject: sql`inspected_upload.user_id`,
          details: sql`jsonb_build_object('upload_id', inspected_upload.id, 'reason', inspected_upload.reason)`,
        });
      const [, [row]] = (await db.transaction(scope, [
        lockUpload(id),
        sql`
          with decision as (
            select uploads.id, case
              when ${flaw}::text is not null then 'failed'
              when uploads.verdict = 'clean' and uploads.verdict_etag = uploads.etag then 'clean'
              else 'scanning' end as status
            from uploads
            where uploads.id = ${id}::uuid and uploads.status = 'scanning' and uploads.inspected_at is null
              and uploads.etag = ${etag} and uploads.deleted_at is null
          ), inspected_upload as (
            update uploads set
              status = decision.status, reason = ${flaw}::text, updated_at = ${now}::timestamptz,
              inspected_at = case when decision.status <> 'failed' then ${now}::timestamptz end,
              attempts = case when decision.status = 'scanning' then uploads.attempts else 0 end,
              next_attempt_at = case decision.status
                when 'scanning' then uploads.next_attempt_at
                when 'clean' then greatest(uploads.expires_at, ${now}::timestamptz)
                else ${now}::timestamptz end
            from decision where uploads.id = decision.id
            returning uploads.*
          ), clean_event as (
            ${eventOf('upload.clean')} from inspected_upload where inspected_upload.status = 'clean'
          ), failed_event as (
            ${eventOf('upload.failed')} from inspected_upload where inspected_upload.status = 'failed'
          )
          select coalesce(inspected_upload.status, uploads.status) as status,
            inspected_upload.id is not null as is_changed
          from uploads left join inspected_upload on inspected_upload.id = uploads.id
          where uploads.id = ${id}::uuid and uploads.deleted_at is null`,
      ])) as [unknown, { status: UploadStatus; is_changed: boolean }[]];
      if (row?.is_changed && row.status !== 'scanning') countTransition(row.status);
      return row?.status ?? null;
    },

    /** Takes back an attempt that found no scanner, unless the upload has changed since. */
    postpone: async (
      { now, signal }: JobScope,
      { id, attempts }: Pick<UploadRecord, 'id' | 'attempts'>,
    ): Promise<void> => {
      await db.execute(
        { signal },
        sql`
          update uploads set attempts = attempts - 1, next_attempt_at = ${secondsAfter(now, scannerPauseSeconds)}
          where id = ${id}::uuid and status = 'scanning' and attempts = ${attempts}`,
      );
    },

    /** The ids of the uploads that are due, the longest overdue first. */
    due: async ({ now, signal }: JobScope, limit: number): Promise<string[]> => {
      const rows = await db.execute<{ id: string }>(
        { signal },
        sql`select id from uploads where next_attempt_at <= ${now} order by next_attempt_at limit ${limit}`,
      );
      return rows.map(({ id }) => id);
    },

    /** When the next piece of work on an upload is due; null where none is left, or the row is gone. */
    nextDue: async ({ signal }: JobScope, id: string): Promise<Date | null> => {
      const [row] = await db.execute<{ next_attempt_at: Date | null }>(
        { signal },
        sql`select next_attempt_at from uploads where id = ${id}::uuid`,
      );
      return row?.next_attempt_at ?? null;
    },

    /** Marks the files of deleted accounts for deletion, and forgets messages that are too old to come again. */
    tidy: async ({ now, signal }: JobScope): Promise<void> => {
      await db.execute(
        { signal },
        sql`
          with forgotten_message as (
            delete from scan_events where received_at < ${secondsAfter(now, -scanEventMemorySeconds)}
          )
          update uploads set deleted_at = ${now}, updated_at = ${now}, next_attempt_at = ${now}, attempts = 0
          where user_id is null and deleted_at is null`,
      );
    },

    /** Deletes a file that was not confirmed in time. @returns whether it did */
    expire: async (scope: JobScope, id: string): Promise<boolean> => {
      const { now } = scope;
      const event = {
        id: newId(now),
        type: 'upload.expired',
        actor: noOne,
        subject: sql`expired_upload.user_id`,
        details: sql`jsonb_build_object('upload_id', expired_upload.id)`,
      } as const;
      const rows = await db.execute(
        scope,
        sql`
          with expired_upload as (
            update uploads set deleted_at = ${now}::timestamptz, updated_at = ${now}::timestamptz, attempts = 0
            where id = ${id}::uuid and status = 'pending' and deleted_at is null
            returning id, user_id
          ), new_event as (
            ${insertAudit(scope, event)} from expired_upload
          )
          select id from expired_upload`,
      );
      if (rows.length === 0) return false;
      countTransition('expired');
      return true;
    },

    /** Ends a file without a verdict or without bytes, unless it has changed since. @returns whether it did */
    giveUp: async (scope: JobScope, id: string, reason: GivenUp): Promise<boolean> => {
      const { now } = scope;
      const event = {
        id: newId(now),
        type: 'upload.failed',
        actor: noOne,
        subject: sql`failed_upload.user_id`,
        details: sql`jsonb_build_object('upload_id', failed_upload.id, 'reason', failed_upload.reason)`,
      } as const;
      const rows = await db.execute(
        scope,
        sql`
          with failed_upload as (
            update uploads set status = 'failed', reason = ${reason}, attempts = 0,
              given_up_at = ${now}::timestamptz, updated_at = ${now}::timestamptz
            where id = ${id}::uuid and status = ${openStatus[reason]} and promoted_etag is null
              and deleted_at is null
            returning id, user_id, reason
          ), new_event as (
            ${insertAudit(scope, event)} from failed_upload
          )
          select id from failed_upload`,
      );
      if (rows.length === 0) return false;
      countTransition('failed');
      metrics.count('itsor_dead_letters_total', { kind: 'upload' });
      return true;
    },

    /** Makes the copy outside the quarantine the valid one, if the file is still clean. @returns whether it did */
    promote: async ({ now, signal }: JobScope, id: string, etag: string): Promise<boolean> => {
      const rows = await db.execute(
        { signal },
        sql`
          update uploads set promoted_etag = ${etag}, next_attempt_at = null, attempts = 0, updated_at = ${now}
          where id = ${id}::uuid and status = 'clean' and deleted_at is null and user_id is not null
          returning id`,
      );
      return rows.length > 0;
    },

    /**
     * Records that the bytes of an infected or failed file are gone. Until the upload URL ends, S3 would take the same
     * bytes again, so the file is due once more at that time.
     */
    discarded: async ({ now, signal }: JobScope, id: string): Promise<void> => {
      await db.execute(
        { signal },
        sql`
          update uploads set bytes_deleted_at = ${now}::timestamptz, attempts = 0,
            next_attempt_at = case when expires_at > ${now}::timestamptz then expires_at end
          where id = ${id}::uuid and status in ('infected', 'failed') and deleted_at is null`,
      );
    },

    /** The same for a deleted file, whose row is deleted when its upload URL has ended. */
    purged: async ({ now, signal }: JobScope, id: string): Promise<void> => {
      await db.execute(
        { signal },
        sql`
          with deleted_upload as (
            delete from uploads
            where id = ${id}::uuid and (deleted_at is not null or user_id is null) and expires_at <= ${now}
          )
          update uploads set bytes_deleted_at = ${now}, attempts = 0, next_attempt_at = expires_at
          where id = ${id}::uuid and (deleted_at is not null or user_id is null) and expires_at > ${now}`,
      );
    },

    /** Records that the queue has given up a message about this upload. */
    markGivenUp: async ({ now, signal }: JobScope, id: string): Promise<void> => {
      await db.execute({ signal }, sql`update uploads set given_up_at = ${now} where id = ${id}::uuid`);
    },

    /** Those of the uploads whose objects in quarantine are still needed. */
    wantedInQuarantine: async (
      { signal }: JobScope,
      ids: readonly string[],
    ): Promise<ReadonlySet<string>> => {
      const rows = await db.execute<{ id: string }>(
        { signal },
        sql`
          select id from uploads
          where id = any(${`{${ids.join()}}`}::uuid[]) and promoted_etag is null and bytes_deleted_at is null`,
      );
      return new Set(rows.map(({ id }) => id));
    },
  };
};
