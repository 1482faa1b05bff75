import { type SQL, sql } from 'drizzle-orm';
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
  type UploadUsage,
} from '../rules/upload.ts';
import {
  createTransitionCounter,
  heldBy,
  isAtItsRefusedEnd,
  lockUpload,
  ownerColumns,
  recordColumns,
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
     * Begins a file again that the account has declared in the same words and not sent or confirmed yet, or inserts it
     * if the quota allows it. Declarations of one account take turns, so each sees the one before (docs/adr/0017).
     * @returns the id of the file, which is another one where it was begun again; null where the quota is exceeded
     */
    create: async (
      ctx: SessionContext,
      upload: NewUpload,
      { maxFiles, maxTotalBytes }: UploadQuota,
    ): Promise<{ readonly id: string; readonly isNew: boolean } | null> => {
      const { now } = ctx;
      const size = sql`${upload.size}::bigint`;
      const expiresAt = sql`${upload.expiresAt}::timestamptz`;
      const confirmableUntil = sql`${secondsAfter(upload.expiresAt, confirmationGraceSeconds)}::timestamptz`;
      const isWaiting = (relation: SQL) =>
        sql`${relation}.status = 'pending' and ${relation}.deleted_at is null and ${relation}.attempts = 0`;
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
          with ${gate.own(ctx)}, waiting_upload as (
            select uploads.id from uploads join gate on gate.refusal is null and uploads.user_id = gate.user_id
            where ${isWaiting(sql`uploads`)} and uploads.filename = ${upload.filename}
              and uploads.content_type = ${upload.contentType} and uploads.size = ${size}
              and uploads.sha256 = ${upload.sha256}
            order by uploads.id desc limit 1
          ), resumed_upload as (
            update uploads set expires_at = ${expiresAt}, next_attempt_at = ${confirmableUntil},
              updated_at = ${now}::timestamptz
            from waiting_upload where uploads.id = waiting_upload.id and ${isWaiting(sql`uploads`)}
            returning uploads.id
          ), held as (
            ${heldBy(sql`gate`)}
          ), new_upload as (
            insert into uploads (id, user_id, filename, content_type, size, sha256, status, object_name, created_at,
                                 updated_at, expires_at, next_attempt_at)
            select ${upload.id}::uuid, gate.user_id, ${upload.filename}, ${upload.contentType}, ${size},
                   ${upload.sha256}, 'pending', ${upload.objectName}, ${now}::timestamptz, ${now}::timestamptz,
                   ${expiresAt}, ${confirmableUntil}
            from gate, held
            where gate.refusal is null and not exists (select from resumed_upload)
              and held.files < ${maxFiles}::int and held.bytes + ${size} <= ${maxTotalBytes}::bigint
            returning id, user_id
          ), refused_upload as (
            select uploads.id from uploads join new_upload on uploads.user_id = new_upload.user_id
            where uploads.deleted_at is null and ${isAtItsRefusedEnd(sql`uploads`)}
            order by uploads.id desc offset ${maxFiles}::int
          ), forgotten_upload as (
            delete from uploads using refused_upload
            where uploads.id = refused_upload.id and ${isAtItsRefusedEnd(sql`uploads`)}
          ), new_event as (
            ${insertAudit(ctx, event)} from new_upload
          )
          select gate.refusal, (select id from resumed_upload) as resumed_id,
            exists (select from new_upload) as is_new
          from gate`,
      ])) as [unknown, (Gated & { resumed_id: string | null; is_new: boolean })[]];
      const { resumed_id: resumedId, is_new: isNew } = passed(row);
      if (resumedId !== null) return { id: resumedId, isNew: false };
      if (!isNew) return null;
      countTransition('pending');
      return { id: upload.id, isNew };
    },

    /** How much of its quota the actor's account uses. */
    usage: async (ctx: SessionContext): Promise<UploadUsage> => {
      const [row] = await db.execute<Gated & { files: number; size: string }>(
        ctx,
        sql`
          with ${gate.own(ctx)}, held as (
            ${heldBy(sql`gate`)}
          )
          select gate.refusal, held.files, held.bytes as size from gate, held`,
      );
      const { files, size } = passed(row);
      return { files, bytes: Number(size) };
    },

    /**
     * Confirms the bytes, once. Bytes that differ from the declaration fail, and so do those that a scanner has refused
     * before; for a verdict that comes at the same time see `lockUpload`.
     * @returns `isDue`: there is work to do; throws AppError `not_found`
     */
    confirm: async (
      ctx: SessionContext,
      id: string,
      object: StoredObject,
    ): Promise<{ readonly upload: Upload; readonly isDue: boolean }> => {
      const { now } = ctx;
      const etag = sql`${object.etag}::text`;
      const eventOf = (type: 'upload.completed' | 'upload.failed') =>
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
              when own_upload.verdict = 'failed' and own_upload.verdict_etag = ${etag}
                then own_upload.verdict_detail end as flaw
            from own_upload where own_upload.status = 'pending'
          ), confirmed_upload as (
            update uploads set
              status = case when decision.flaw is null then 'scanning' else 'failed' end,
              reason = decision.flaw, etag = ${etag}, attempts = 0, next_attempt_at = ${now}::timestamptz,
              completed_at = ${now}::timestamptz, updated_at = ${now}::timestamptz
            from decision where uploads.id = decision.id
            returning uploads.*
          ), completed_event as (
            ${eventOf('upload.completed')} from confirmed_upload where confirmed_upload.status = 'scanning'
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
      return { upload: toUpload(confirmed), isDue: confirmed.is_due };
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
      const [row] = await db.execute<Gated & { is_removed: boolean }>(
        ctx,
        sql`
          with ${gate.own(ctx)}, removed_upload as (
            update uploads set deleted_at = ${now}, updated_at = ${now}, next_attempt_at = ${now}, attempts = 0
            from gate
            where gate.refusal is null and uploads.user_id = gate.user_id and uploads.id = ${id}::uuid
              and uploads.deleted_at is null
            returning uploads.id, uploads.user_id, uploads.status
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
