import { sql } from 'drizzle-orm';
import { type AuditScope, insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { Database, QueryScope } from '../../platform/db/client.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import type { UploadRecord } from '../rules/upload.ts';
import {
  scanEventMemorySeconds,
  scannerPauseSeconds,
  uploadDelaysSeconds,
} from '../rules/upload-schedule.ts';
import { releaseUsage, toUploadRecord, type UploadRecordRow, uploadRecordColumns } from './upload-rows.ts';

/** A job belongs to no request; its id is in the audit trail in the place of one. */
export type JobScope = AuditScope & QueryScope;

/** Why a file is given up, and what it is until then. */
const openStatus = { scan_unanswered: 'scanning', bytes_gone: 'clean' } as const;
type GivenUp = keyof typeof openStatus;

export type UploadJobRepository = ReturnType<typeof createUploadJobRepository>;

type Options = { readonly newId: (now: Date) => string };

export const createUploadJobRepository = (db: Database, { newId }: Options) => ({
  /**
   * Begins a piece of work, whatever it is. It moves the next attempt ahead, which keeps every other worker away
   * until then: of parallel claims the second waits for the row's lock and finds it no longer due.
   */
  claim: async ({ now, signal }: JobScope, id: string): Promise<UploadRecord | null> => {
    const delays = `{${uploadDelaysSeconds.join()}}`;
    const [row] = await db.execute<UploadRecordRow>(
      { signal },
      sql`
        update uploads u set
          attempts = u.attempts + 1,
          next_attempt_at = ${now}::timestamptz
            + (${delays}::int[])[least(u.attempts + 1, ${uploadDelaysSeconds.length}::int)] * interval '1 second'
        where u.id = ${id}::uuid and u.next_attempt_at <= ${now}
        returning ${uploadRecordColumns}`,
    );
    return row ? toUploadRecord(row) : null;
  },

  /** Takes back the attempt that found no scanner, unless something else has become of the upload meanwhile. */
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

  /** What work may begin for, the longest overdue first. */
  due: async ({ now, signal }: JobScope, limit: number): Promise<string[]> => {
    const rows = await db.execute<{ id: string }>(
      { signal },
      sql`select id from uploads where next_attempt_at <= ${now} order by next_attempt_at limit ${limit}`,
    );
    return rows.map(({ id }) => id);
  },

  /** Marks the files of accounts that are gone for deletion, and forgets events that are too old to come again. */
  tidy: async ({ now, signal }: JobScope): Promise<void> => {
    await db.execute(
      { signal },
      sql`
        with forgotten as (
          delete from scan_events where received_at < ${secondsAfter(now, -scanEventMemorySeconds)}
        )
        update uploads set deleted_at = ${now}, updated_at = ${now}, next_attempt_at = ${now}, attempts = 0
        where user_id is null and deleted_at is null`,
    );
  },

  /** A file that nobody confirmed in time is as if it had never been declared. */
  expire: async (scope: JobScope, id: string): Promise<boolean> => {
    const { now } = scope;
    const event = {
      id: newId(now),
      type: 'upload.expired',
      actor: noOne,
      subject: sql`expired.user_id`,
      details: sql`jsonb_build_object('upload_id', expired.id)`,
    } as const;
    const rows = await db.execute(
      scope,
      sql`
        with expired as (
          update uploads set deleted_at = ${now}::timestamptz, updated_at = ${now}::timestamptz, attempts = 0
          where id = ${id}::uuid and status = 'pending' and deleted_at is null
          returning id, user_id, size
        ), released as (
          ${releaseUsage(sql`expired r`, { files: sql`1`, bytes: sql`r.size` })}
        ), audited as (
          ${insertAudit(scope, event)} from expired
        )
        select id from expired`,
    );
    return rows.length > 0;
  },

  /** Ends a file whose verdict never came, or whose bytes are gone. What has become of it meanwhile stands. */
  giveUp: async (scope: JobScope, id: string, reason: GivenUp): Promise<boolean> => {
    const { now } = scope;
    const event = {
      id: newId(now),
      type: 'upload.failed',
      actor: noOne,
      subject: sql`failed.user_id`,
      details: sql`jsonb_build_object('upload_id', failed.id, 'reason', failed.reason)`,
    } as const;
    const rows = await db.execute(
      scope,
      sql`
        with failed as (
          update uploads set status = 'failed', reason = ${reason}, attempts = 0, given_up_at = ${now}::timestamptz,
            updated_at = ${now}::timestamptz
          where id = ${id}::uuid and status = ${openStatus[reason]} and promoted_etag is null and deleted_at is null
          returning id, user_id, size, reason
        ), released as (
          ${releaseUsage(sql`failed r`, { files: sql`0`, bytes: sql`r.size` })}
        ), audited as (
          ${insertAudit(scope, event)} from failed
        )
        select id from failed`,
    );
    return rows.length > 0;
  },

  /** The copy outside the quarantine is the one that counts from now on, unless a threat was found meanwhile. */
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
   * The bytes are gone. While the upload URL still serves, S3 would take the same bytes once more, so they are
   * deleted again when it has ended.
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

  /** As above, and then the row goes too. */
  purged: async ({ now, signal }: JobScope, id: string): Promise<void> => {
    await db.execute(
      { signal },
      sql`
        with gone as (
          delete from uploads where id = ${id}::uuid and (deleted_at is not null or user_id is null) and expires_at <= ${now}
        )
        update uploads set bytes_deleted_at = ${now}, attempts = 0, next_attempt_at = expires_at
        where id = ${id}::uuid and (deleted_at is not null or user_id is null) and expires_at > ${now}`,
    );
  },

  /** A queue has given up a message about it; the sweep goes on. */
  markGivenUp: async ({ now, signal }: JobScope, id: string): Promise<void> => {
    await db.execute({ signal }, sql`update uploads set given_up_at = ${now} where id = ${id}::uuid`);
  },

  /** Which of the objects in quarantine, by their uploads, are still wanted there. */
  wantedInQuarantine: async ({ signal }: JobScope, ids: readonly string[]): Promise<ReadonlySet<string>> => {
    const rows = await db.execute<{ id: string }>(
      { signal },
      sql`select id from uploads where id = any(${`{${ids.join()}}`}::uuid[]) and promoted_etag is null and bytes_deleted_at is null`,
    );
    return new Set(rows.map(({ id }) => id));
  },
});
