import { sql } from 'drizzle-orm';
import { type AuditScope, insertAudit } from '../../audit/sql/audit-rows.ts';
import type { Database, QueryScope } from '../../platform/db/client.ts';
import type { Verdict } from '../../platform/rules/scan.ts';
import { holdsBytes, lockUpload, releaseUsage } from './upload-rows.ts';

/** A verdict and the bytes that it is about. */
export type BoundVerdict = {
  readonly uploadId: string;
  readonly objectName: string;
  readonly etag: string;
  readonly verdict: Verdict;
  readonly engine: string;
  /** Of the message that brought it; null where the scanner was asked in person. */
  readonly eventId: string | null;
};

/** `replayed`: the message had come before. `unknown`: there is no such file, or these are not its bytes. */
export type VerdictOutcome = 'applied' | 'unchanged' | 'replayed' | 'unknown';

export type VerdictRepository = ReturnType<typeof createVerdictRepository>;

type Options = { readonly newId: (now: Date) => string };

export const createVerdictRepository = (db: Database, { newId }: Options) => ({
  /**
   * Writes a verdict down. Of several, whatever their order, the worst remains: `infected` overrides everything, and
   * `failed` overrides `clean`. Before the confirmation the bytes have no ETag that we know; then a verdict waits in
   * the row, and the confirmation holds it against the bytes that it finds.
   */
  apply: async (
    scope: AuditScope & QueryScope,
    { uploadId, objectName, etag, verdict, engine, eventId }: BoundVerdict,
  ): Promise<VerdictOutcome> => {
    const { now } = scope;
    const detail = { clean: null, infected: 'detail', failed: 'reason' }[verdict.kind];
    const verdictDetail = detail === null ? null : (verdict as Record<string, string>)[detail];
    const event = {
      id: newId(now),
      type: `upload.${verdict.kind}`,
      actor: sql`null::uuid`,
      subject: sql`changed.user_id`,
      details: sql`jsonb_build_object('upload_id', changed.id, 'engine', ${engine}::text, 'detail', changed.verdict_detail)`,
    } as const;
    const kind = sql`${verdict.kind}::text`;
    const [, [row]] = (await db.transaction(scope, [
      lockUpload(uploadId),
      sql`
        with heard as (
          insert into scan_events (id, received_at) select ${eventId}::text, ${now}::timestamptz
          where ${eventId}::text is not null
          on conflict do nothing
          returning id
        ), target as (
          select u.* from uploads u
          where u.id = ${uploadId}::uuid and u.object_name = ${objectName}
            and (u.etag is null or u.etag = ${etag}) and u.deleted_at is null
            and (${eventId}::text is null or exists (select from heard))
        ), decided as (
          select t.id, t.status as before, case
            when ${kind} = 'infected' then 'infected'
            when t.status = 'pending' then 'pending'
            else ${kind} end as after
          from target t
          where case t.status
            when 'pending' then ${kind} = 'infected' or t.verdict is null or t.verdict = 'clean'
            when 'scanning' then true
            when 'clean' then ${kind} <> 'clean'
            when 'failed' then ${kind} = 'infected'
            else false end
        ), changed as (
          update uploads u set
            status = d.after, verdict = ${kind}, verdict_etag = ${etag}, verdict_engine = ${engine},
            verdict_detail = ${verdictDetail ?? null}::text, verdict_at = ${now}::timestamptz, updated_at = ${now}::timestamptz,
            reason = case when d.after = 'failed' then ${verdictDetail ?? null}::text else u.reason end,
            attempts = case when d.after = d.before then u.attempts else 0 end,
            next_attempt_at = case when d.after = d.before then u.next_attempt_at
                                   when d.after = 'clean' then greatest(u.expires_at, ${now}::timestamptz)
                                   else ${now}::timestamptz end
          from decided d where u.id = d.id
          returning u.*, d.before, d.after
        ), released as (
          ${releaseUsage(sql`changed r`, { files: sql`0`, bytes: sql`r.size` })}
            and r.after in ('infected', 'failed') and ${holdsBytes(sql`r.before`)} and r.after <> r.before
        ), audited as (
          ${insertAudit(scope, event)} from changed where changed.after <> changed.before
        )
        select case when ${eventId}::text is not null and not exists (select from heard) then 'replayed'
                    when exists (select from changed) then 'applied'
                    when exists (select from target) then 'unchanged' else 'unknown' end as outcome`,
    ])) as [unknown, { outcome: VerdictOutcome }[]];
    return row?.outcome ?? 'unknown';
  },
});
