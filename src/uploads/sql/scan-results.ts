import { sql } from 'drizzle-orm';
import { type AuditScope, insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { QueryScope } from '../../platform/db/client.ts';
import type { Verdict } from '../../platform/rules/scan.ts';
import type { StatementParts } from '../../sessions/sql/gate.ts';
import { createTransitionCounter, lockUpload } from './upload-rows.ts';

/** A verdict, and the bytes that it is about. */
export type BoundVerdict = {
  readonly uploadId: string;
  readonly objectName: string;
  readonly etag: string;
  readonly verdict: Verdict;
  readonly engine: string;
  /** The id of the message that brought the verdict; null for a scanner that answers directly. */
  readonly eventId: string | null;
};

/** `replayed`: the message has come before. `unknown`: there is no such file, or the bytes are others. */
export type VerdictOutcome = 'applied' | 'unchanged' | 'replayed' | 'unknown';

const detailOf = (verdict: Verdict): string | null => {
  switch (verdict.kind) {
    case 'clean':
      return null;
    case 'infected':
      return verdict.detail;
    case 'failed':
      return verdict.reason;
  }
};

export type ScanResultSql = ReturnType<typeof createScanResultSql>;

/** Statements for the results of scans. */
export const createScanResultSql = ({
  db,
  newId,
  metrics,
}: Pick<StatementParts, 'db' | 'newId' | 'metrics'>) => {
  const countTransition = createTransitionCounter(metrics);

  return {
    /**
     * Records a verdict. The worst verdict wins in any order: `infected` overrides everything, `failed` overrides
     * `clean`. One that comes before the confirmation or the inspection waits in the row, and `confirm` and
     * `recordInspection` compare it with the bytes.
     */
    apply: async (
      scope: AuditScope & QueryScope,
      { uploadId, objectName, etag, verdict, engine, eventId }: BoundVerdict,
    ): Promise<VerdictOutcome> => {
      const { now } = scope;
      const detail = sql`${detailOf(verdict)}::text`;
      const kind = sql`${verdict.kind}::text`;
      const event = {
        id: newId(now),
        type: `upload.${verdict.kind}`,
        actor: noOne,
        subject: sql`changed_upload.user_id`,
        details: sql`jsonb_build_object('upload_id', changed_upload.id, 'engine', ${engine}::text,
                                        'detail', changed_upload.verdict_detail)`,
      } as const;
      const [, [row]] = (await db.transaction(scope, [
        lockUpload(uploadId),
        sql`
          with new_message as (
            insert into scan_events (id, received_at) select ${eventId}::text, ${now}::timestamptz
            where ${eventId}::text is not null
            on conflict do nothing
            returning id
          ), scanned_upload as (
            select uploads.* from uploads
            where uploads.id = ${uploadId}::uuid and uploads.object_name = ${objectName}
              and (uploads.etag is null or uploads.etag = ${etag}) and uploads.deleted_at is null
              and (${eventId}::text is null or exists (select from new_message))
          ), decision as (
            select scanned_upload.id, scanned_upload.status as before, case
              when ${kind} = 'infected' then 'infected'
              when scanned_upload.status = 'pending' then 'pending'
              when ${kind} = 'clean' and scanned_upload.inspected_at is null then scanned_upload.status
              else ${kind} end as after
            from scanned_upload
            where case scanned_upload.status
              when 'pending'
                then ${kind} = 'infected' or scanned_upload.verdict is null or scanned_upload.verdict = 'clean'
              when 'scanning' then true
              when 'clean' then ${kind} <> 'clean'
              when 'failed' then ${kind} = 'infected'
              else false end
          ), changed_upload as (
            update uploads set
              status = decision.after, verdict = ${kind}, verdict_etag = ${etag}, verdict_engine = ${engine},
              verdict_detail = ${detail}, verdict_at = ${now}::timestamptz, updated_at = ${now}::timestamptz,
              reason = case when decision.after = 'failed' then ${detail} else uploads.reason end,
              attempts = case when decision.after = decision.before then uploads.attempts else 0 end,
              next_attempt_at = case
                when decision.after = decision.before then uploads.next_attempt_at
                when decision.after = 'clean' then greatest(uploads.expires_at, ${now}::timestamptz)
                else ${now}::timestamptz end
            from decision where uploads.id = decision.id
            returning uploads.*, decision.before, decision.after
          ), new_event as (
            ${insertAudit(scope, event)} from changed_upload where changed_upload.after <> changed_upload.before
          )
          select case
            when ${eventId}::text is not null and not exists (select from new_message) then 'replayed'
            when exists (select from changed_upload) then 'applied'
            when exists (select from scanned_upload) then 'unchanged'
            else 'unknown' end as outcome`,
      ])) as [unknown, { outcome: VerdictOutcome }[]];
      const outcome = row?.outcome ?? 'unknown';
      if (outcome === 'applied') countTransition(verdict.kind);
      return outcome;
    },
  };
};
