import { sql } from 'drizzle-orm';
import { lockActor } from '../../accounts/sql/account-lock.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import type { PermittedContext, RequestContext, SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type { StoredObject } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { type Gated, passed, type StatementParts } from '../../sessions/sql/gate.ts';
import {
  confirmationGraceSeconds,
  type Upload,
  type UploadDeclaration,
  type UploadQuota,
  type UploadRecord,
} from '../rules/upload.ts';
import {
  createTransitionCounter,
  holdsBytes,
  lockUpload,
  ownerColumns,
  recordColumns,
  releaseUsage,
  toUpload,
  toUploadRecord,
  type UploadRecordRow,
  type UploadRow,
} from './upload-rows.ts';

export type NewUpload = UploadDeclaration & {
  readonly id: string;
  readonly objectName: string;
  readonly expiresAt: Date;
};

/** The object that was found in quarantine under a claim; `flaw` is why it is rejected, or null. */
export type Confirmation = {
  readonly claim: number;
  readonly object: StoredObject;
  readonly flaw: string | null;
};

const isFound = <Row extends UploadRow>(row: Partial<Row>): row is Row =>
  row.id !== null && row.id !== undefined;

/** @throws AppError what the gate refuses with, `not_found` */
const found = <Row extends UploadRow, More>(row: (Gated & Partial<Row> & More) | undefined): Row & More => {
  const admitted = passed(row);
  if (!isFound<Row>(admitted)) throw new AppError('not_found');
  return admitted;
};

const pageOfUploads = (rows: readonly Partial<UploadRow>[], limit: number): Page<Upload> => {
  const uploads = rows.flatMap((row) => (isFound<UploadRow>(row) ? [toUpload(row)] : []));
  return pageOf(uploads, limit, ({ id }) => id);
};

export type UploadSql = ReturnType<typeof createUploadSql>;

/** Statements for the requests of owners, which throw what the gate refuses with. Files of others are not found. */
export const createUploadSql = ({
  db,
  gate,
  newId,
  metrics,
}: Pick<StatementParts, 'db' | 'gate' | 'newId' | 'metrics'>) => {
  const countTransition = createTransitionCounter(metrics);

  return {
    /**
     * Raises the usage of the account and inserts the file, if the quota allows it: parallel uploads queue on the row
     * of the usage, and each sees the one before. @returns whether it did
     */
    create: async (
      ctx: SessionContext,
      upload: NewUpload,
      { maxFiles, maxTotalBytes }: UploadQuota,
    ): Promise<boolean> => {
      const { now } = ctx;
      const size = sql`${upload.size}::bigint`;
      const confirmableUntil = secondsAfter(upload.expiresAt, confirmationGraceSeconds);
      const event = {
        id: newId(now),
        type: 'upload.created',
        actor: sql`new_upload.user_id`,
        subject: sql`new_upload.user_id`,
        details: sql`jsonb_build_object('upload_id', new_upload.id)`,
      } as const;
      const [, [row]] = (await db.transaction(ctx, [
        lockActor(gate, ctx),
        sql`
          with ${gate.own(ctx)}, raised_usage as (
            insert into upload_usage as usage (user_id, files, bytes)
            select gate.user_id, 1, ${size} from gate
            where gate.refusal is null and ${maxFiles}::int >= 1 and ${size} <= ${maxTotalBytes}::bigint
            on conflict (user_id) do update set files = usage.files + 1, bytes = usage.bytes + excluded.bytes
            where usage.files < ${maxFiles}::int and usage.bytes + excluded.bytes <= ${maxTotalBytes}::bigint
            returning user_id
          ), new_upload as (
            insert into uploads (id, user_id, filename, content_type, size, sha256, status, object_name, created_at,
                                 updated_at, expires_at, next_attempt_at)
            select ${upload.id}::uuid, raised_usage.user_id, ${upload.filename}, ${upload.contentType}, ${size},
                   ${upload.sha256}, 'pending', ${upload.objectName}, ${now}::timestamptz, ${now}::timestamptz,
                   ${upload.expiresAt}::timestamptz, ${confirmableUntil}::timestamptz
            from raised_usage
            returning id, user_id
          ), new_event as (
            ${insertAudit(ctx, event)} from new_upload
          )
          select gate.refusal, exists (select from new_upload) as is_created from gate`,
      ])) as [unknown, (Gated & { is_created: boolean })[]];
      const isCreated = passed(row).is_created;
      if (isCreated) countTransition('pending');
      return isCreated;
    },

    /**
     * Claims the inspection of a pending file, so that one request at a time inspects it. A claim that is not given
     * back ends by itself, later each time: what broke off one inspection may break off the next one too.
     * @returns `claim`: null where another request has it or the file is not pending; `isDue`: there is work to do
     * @throws AppError `not_found`
     */
    claimInspection: async (
      ctx: SessionContext,
      id: string,
      leaseSeconds: number,
    ): Promise<{ readonly upload: Upload; readonly claim: number | null; readonly isDue: boolean }> => {
      const { now } = ctx;
      type Claim = { attempts: number; is_claimed: boolean; is_due: boolean };
      const [row] = await db.execute<Gated & Partial<UploadRow> & Claim>(
        ctx,
        sql`
          with ${gate.own(ctx)}, claimed_upload as (
            update uploads set attempts = uploads.attempts + 1, updated_at = ${now}::timestamptz
            from gate
            where gate.refusal is null and uploads.user_id = gate.user_id and uploads.id = ${id}::uuid
              and uploads.deleted_at is null and uploads.status = 'pending'
              and (uploads.attempts = 0 or uploads.updated_at + ${leaseSeconds}::int
                * (1 << least(uploads.attempts - 1, 8)) * interval '1 second' <= ${now}::timestamptz)
            returning uploads.*
          ), own_upload as (
            select * from claimed_upload
            union all
            select uploads.* from uploads join gate on gate.refusal is null and gate.user_id = uploads.user_id
            where uploads.id = ${id}::uuid and uploads.deleted_at is null
              and not exists (select from claimed_upload)
          )
          select gate.refusal, ${ownerColumns(sql`own_upload`)}, own_upload.attempts,
            exists (select from claimed_upload) as is_claimed,
            coalesce(own_upload.status <> 'pending' and own_upload.next_attempt_at <= ${now}::timestamptz, false)
              as is_due
          from gate left join own_upload on true`,
      );
      const claimed = found<UploadRow, Claim>(row);
      return {
        upload: toUpload(claimed),
        claim: claimed.is_claimed ? claimed.attempts : null,
        isDue: claimed.is_due,
      };
    },

    /** Gives a claim back, so that the next request can inspect the file at once. */
    releaseInspection: async (ctx: RequestContext, id: string, claim: number): Promise<void> => {
      await db.execute(
        ctx,
        sql`
          update uploads set attempts = 0
          where id = ${id}::uuid and status = 'pending' and attempts = ${claim}`,
      );
    },

    /**
     * Confirms the bytes, once, under the claim. Bytes that differ from the declaration fail. An earlier verdict counts
     * if it is about these bytes; for one that comes at the same time see `lockUpload`.
     * @returns `isChanged`: whether this call confirmed them; `isDue`: there is work to do
     * @throws AppError `not_found`
     */
    confirm: async (
      ctx: SessionContext,
      id: string,
      { claim, object, flaw }: Confirmation,
    ): Promise<{ readonly upload: Upload; readonly isChanged: boolean; readonly isDue: boolean }> => {
      const { now } = ctx;
      const etag = sql`${object.etag}::text`;
      const eventOf = (type: 'upload.completed' | 'upload.clean' | 'upload.failed') =>
        insertAudit(ctx, {
          id: newId(now),
          type,
          actor: sql`confirmed_upload.user_id`,
          subject: sql`confirmed_upload.user_id`,
          details: sql`jsonb_build_object('upload_id', confirmed_upload.id, 'reason', confirmed_upload.reason)`,
        });
      type Confirmed = { is_changed: boolean; is_due: boolean };
      const [, [row]] = (await db.transaction(ctx, [
        lockUpload(id),
        sql`
          with ${gate.own(ctx)}, own_upload as (
            select uploads.* from uploads join gate on gate.refusal is null and gate.user_id = uploads.user_id
            where uploads.id = ${id}::uuid and uploads.deleted_at is null
          ), decision as (
            select own_upload.id, case
              when own_upload.size <> ${object.size}::bigint or own_upload.sha256 <> ${object.sha256}::text
                then 'wrong_bytes'
              when own_upload.content_type <> ${object.contentType}::text then 'wrong_type'
              when ${flaw}::text is not null then ${flaw}::text
              when own_upload.verdict = 'failed' and own_upload.verdict_etag = ${etag}
                then own_upload.verdict_detail end as flaw,
              coalesce(own_upload.verdict = 'clean' and own_upload.verdict_etag = ${etag}, false) as is_clean
            from own_upload where own_upload.status = 'pending' and own_upload.attempts = ${claim}
          ), confirmed_upload as (
            update uploads set
              status = case when decision.flaw is not null then 'failed'
                            when decision.is_clean then 'clean' else 'scanning' end,
              reason = decision.flaw, etag = ${etag}, attempts = 0,
              completed_at = ${now}::timestamptz, updated_at = ${now}::timestamptz,
              next_attempt_at = case
                when decision.flaw is null and decision.is_clean then greatest(uploads.expires_at, ${now}::timestamptz)
                else ${now}::timestamptz end
            from decision where uploads.id = decision.id
            returning uploads.*
          ), released_usage as (
            ${releaseUsage(sql`confirmed_upload`, { files: sql`0`, bytes: sql`confirmed_upload.size` })}
              and confirmed_upload.status = 'failed'
          ), completed_event as (
            ${eventOf('upload.completed')} from confirmed_upload where confirmed_upload.status <> 'failed'
          ), clean_event as (
            ${eventOf('upload.clean')} from confirmed_upload where confirmed_upload.status = 'clean'
          ), failed_event as (
            ${eventOf('upload.failed')} from confirmed_upload where confirmed_upload.status = 'failed'
          ), present_upload as (
            select * from confirmed_upload
            union all
            select * from own_upload where not exists (select from confirmed_upload)
          )
          select gate.refusal, ${ownerColumns(sql`present_upload`)},
            exists (select from confirmed_upload) as is_changed,
            coalesce(present_upload.next_attempt_at <= ${now}::timestamptz, false) as is_due
          from gate left join present_upload on true`,
      ])) as [unknown, (Gated & Partial<UploadRow> & Confirmed)[]];
      const confirmed = found<UploadRow, Confirmed>(row);
      if (confirmed.is_changed) countTransition(confirmed.status);
      return { upload: toUpload(confirmed), isChanged: confirmed.is_changed, isDue: confirmed.is_due };
    },

    /** One of the actor's files. @throws AppError `not_found` */
    findOwn: async (ctx: SessionContext, id: string): Promise<UploadRecord> => {
      const [row] = await db.execute<Gated & Partial<UploadRecordRow>>(
        ctx,
        sql`
          with ${gate.own(ctx)}
          select gate.refusal, ${recordColumns(sql`uploads`)}
          from gate left join uploads on gate.refusal is null and uploads.user_id = gate.user_id
            and uploads.id = ${id}::uuid and uploads.deleted_at is null`,
      );
      return toUploadRecord(found<UploadRecordRow, unknown>(row));
    },

    /** A page of the actor's files, newest first. */
    listOwn: async (ctx: SessionContext, { cursor, limit }: PageRequest): Promise<Page<Upload>> => {
      const rows = await db.execute<Gated & Partial<UploadRow>>(
        ctx,
        sql`
          with ${gate.own(ctx)}
          select gate.refusal, ${ownerColumns(sql`own_upload`)} from gate left join lateral (
            select * from uploads
            where gate.refusal is null and uploads.user_id = gate.user_id and uploads.deleted_at is null
              and (${cursor}::uuid is null or uploads.id < ${cursor}::uuid)
            order by uploads.id desc limit ${limit + 1}
          ) own_upload on true
          order by own_upload.id desc`,
      );
      passed(rows[0]);
      return pageOfUploads(rows, limit);
    },

    /** A page of an account's files, newest first, for an actor with the permission. @throws AppError `not_found` */
    listOf: async (
      ctx: PermittedContext,
      userId: string,
      { cursor, limit }: PageRequest,
    ): Promise<Page<Upload>> => {
      const olderThanCursor = cursor === null ? sql`` : sql`and uploads.id < ${cursor}::uuid`;
      const rows = await db.execute<Gated & { is_account: boolean } & Partial<UploadRow>>(
        ctx,
        sql`
          with ${gate.permitted(ctx)}
          select gate.refusal, exists (select from users where users.id = ${userId}::uuid) as is_account,
            ${ownerColumns(sql`their_upload`)}
          from gate left join lateral (
            select * from uploads
            where gate.refusal is null and uploads.user_id = ${userId}::uuid and uploads.deleted_at is null
              ${olderThanCursor}
            order by uploads.id desc limit ${limit + 1}
          ) their_upload on true
          order by their_upload.id desc`,
      );
      if (!passed(rows[0]).is_account) throw new AppError('not_found');
      return pageOfUploads(rows, limit);
    },

    /** Hides a file at once; the next piece of work deletes its bytes and its row. @throws AppError `not_found` */
    removeOwn: async (ctx: SessionContext, id: string): Promise<void> => {
      const { now } = ctx;
      const event = {
        id: newId(now),
        type: 'upload.deleted',
        actor: sql`removed_upload.user_id`,
        subject: sql`removed_upload.user_id`,
        details: sql`jsonb_build_object('upload_id', removed_upload.id, 'status', removed_upload.status)`,
      } as const;
      const heldBytes = sql`case when ${holdsBytes(sql`removed_upload.status`)} then removed_upload.size else 0 end`;
      const [row] = await db.execute<Gated & { is_removed: boolean }>(
        ctx,
        sql`
          with ${gate.own(ctx)}, removed_upload as (
            update uploads set deleted_at = ${now}, updated_at = ${now}, next_attempt_at = ${now}, attempts = 0
            from gate
            where gate.refusal is null and uploads.user_id = gate.user_id and uploads.id = ${id}::uuid
              and uploads.deleted_at is null
            returning uploads.id, uploads.user_id, uploads.status, uploads.size
          ), released_usage as (
            ${releaseUsage(sql`removed_upload`, { files: sql`1`, bytes: heldBytes })}
          ), new_event as (
            ${insertAudit(ctx, event)} from removed_upload
          )
          select gate.refusal, exists (select from removed_upload) as is_removed from gate`,
      );
      if (!passed(row).is_removed) throw new AppError('not_found');
    },

    /** The file of a signed URL, whose signature stands in for a login; null where its account is disabled. */
    findForPut: async (ctx: Pick<RequestContext, 'signal'>, id: string): Promise<UploadRecord | null> => {
      const [row] = await db.execute<UploadRecordRow>(
        ctx,
        sql`
          select ${recordColumns(sql`uploads`)} from uploads join users on users.id = uploads.user_id
          where uploads.id = ${id}::uuid and uploads.deleted_at is null and users.disabled_at is null`,
      );
      return row ? toUploadRecord(row) : null;
    },
  };
};
