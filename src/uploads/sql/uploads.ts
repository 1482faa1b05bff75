import { sql } from 'drizzle-orm';
import { lockActor } from '../../accounts/sql/account-lock.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import type { PermittedContext, RequestContext, SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { Slice } from '../../platform/rules/page.ts';
import type { StoredObject } from '../../platform/rules/storage.ts';
import { type SessionRefusal, secondsAfter } from '../../sessions/rules/session.ts';
import { type Gate, type Gated, refusalOf } from '../../sessions/sql/gate.ts';
import {
  confirmationGraceSeconds,
  type Upload,
  type UploadDeclaration,
  type UploadQuota,
  type UploadRecord,
} from '../rules/upload.ts';
import {
  holdsBytes,
  lockUpload,
  releaseUsage,
  toUpload,
  toUploadRecord,
  type UploadRecordRow,
  type UploadRow,
  uploadColumns,
  uploadRecordColumns,
} from './upload-rows.ts';

export type NewUpload = UploadDeclaration & {
  readonly id: string;
  readonly objectName: string;
  readonly expiresAt: Date;
};

/** What was found in quarantine under a claim, and why it will not do if it will not. */
export type Confirmation = {
  readonly claim: number;
  readonly object: StoredObject;
  readonly flaw: string | null;
};

type Found<T> = { readonly refusal: SessionRefusal; readonly upload: T | null };

export type UploadRepository = ReturnType<typeof createUploadRepository>;

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

/** The files of the actor. Those of others are not there, in every statement but the one that asks for a permission. */
export const createUploadRepository = (db: Database, { newId, gate }: Options) => ({
  /** The account's usage grows first, if it may: parallel uploads queue on that row, and each sees the one before. */
  create: async (
    ctx: SessionContext,
    upload: NewUpload,
    { maxFiles, maxTotalBytes }: UploadQuota,
  ): Promise<{ refusal: SessionRefusal; created: boolean }> => {
    const { now } = ctx;
    const event = {
      id: newId(now),
      type: 'upload.created',
      actor: sql`created.user_id`,
      subject: sql`created.user_id`,
      details: sql`jsonb_build_object('upload_id', created.id)`,
    } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockActor(gate, ctx),
      sql`
        with ${gate.own(ctx)}, reserved as (
          insert into upload_usage as usage (user_id, files, bytes)
          select gate.user_id, 1, ${upload.size}::bigint from gate
          where gate.refusal is null and ${maxFiles}::int >= 1 and ${upload.size}::bigint <= ${maxTotalBytes}::bigint
          on conflict (user_id) do update set files = usage.files + 1, bytes = usage.bytes + excluded.bytes
          where usage.files < ${maxFiles}::int and usage.bytes + excluded.bytes <= ${maxTotalBytes}::bigint
          returning user_id
        ), created as (
          insert into uploads (id, user_id, filename, content_type, size, sha256, status, object_name, created_at,
                               updated_at, expires_at, next_attempt_at)
          select ${upload.id}::uuid, reserved.user_id, ${upload.filename}, ${upload.contentType}, ${upload.size}::bigint,
                 ${upload.sha256}, 'pending', ${upload.objectName}, ${now}::timestamptz, ${now}::timestamptz,
                 ${upload.expiresAt}::timestamptz, ${secondsAfter(upload.expiresAt, confirmationGraceSeconds)}::timestamptz
          from reserved
          returning id, user_id
        ), audited as (
          ${insertAudit(ctx, event)} from created
        )
        select gate.refusal, exists (select from created) as created from gate`,
    ])) as [unknown, (Gated & { created: boolean })[]];
    return { refusal: refusalOf(row), created: row?.created ?? false };
  },

  /**
   * Claims the look into the bytes of a pending file, so that one request looks whoever else asks meanwhile. A lease that
   * was not given back ends by itself, later each time: what a request broke off at, the next one may break off at too.
   */
  claimInspection: async (
    ctx: SessionContext,
    id: string,
    leaseSeconds: number,
  ): Promise<Found<Upload> & { readonly claim: number | null; readonly isDue: boolean }> => {
    const { now } = ctx;
    const [row] = await db.execute<
      Gated & Partial<UploadRow> & { attempts: number | null; is_claimed: boolean; is_due: boolean }
    >(
      ctx,
      sql`
        with ${gate.own(ctx)}, claimed as (
          update uploads u set attempts = u.attempts + 1, updated_at = ${now}::timestamptz
          from gate
          where gate.refusal is null and u.user_id = gate.user_id and u.id = ${id}::uuid and u.deleted_at is null
            and u.status = 'pending' and (u.attempts = 0 or u.updated_at + ${leaseSeconds}::int
              * (1 << least(u.attempts - 1, 8)) * interval '1 second' <= ${now}::timestamptz)
          returning u.*
        )
        select gate.refusal, ${uploadColumns}, u.attempts, exists (select from claimed) as is_claimed,
          coalesce(u.status <> 'pending' and u.next_attempt_at <= ${now}::timestamptz, false) as is_due
        from gate left join (
          select * from claimed union all
          select u.* from uploads u join gate on gate.refusal is null and gate.user_id = u.user_id
          where u.id = ${id}::uuid and u.deleted_at is null and not exists (select from claimed)
        ) u on true`,
    );
    return {
      ...found(row),
      claim: row?.is_claimed ? row.attempts : null,
      isDue: row?.is_due ?? false,
    };
  },

  /** Gives the claim back, for the next one to look at once. */
  releaseInspection: async (ctx: RequestContext, id: string, claim: number): Promise<void> => {
    await db.execute(
      ctx,
      sql`update uploads set attempts = 0 where id = ${id}::uuid and status = 'pending' and attempts = ${claim}`,
    );
  },

  /**
   * Confirms the bytes, once, for the request that has claimed the look into them. A verdict that came before counts if it is about these bytes; for one that comes at the
   * same time see `lockUpload`. What differs from the declaration has failed.
   */
  complete: async (
    ctx: SessionContext,
    id: string,
    { claim, object, flaw }: Confirmation,
  ): Promise<Found<Upload> & { readonly changed: boolean; readonly isDue: boolean }> => {
    const { now } = ctx;
    const event = {
      actor: sql`changed.user_id`,
      subject: sql`changed.user_id`,
      details: sql`jsonb_build_object('upload_id', changed.id, 'reason', changed.reason)`,
    };
    const etag = sql`${object.etag}::text`;
    const [, [row]] = (await db.transaction(ctx, [
      lockUpload(id),
      sql`
        with ${gate.own(ctx)}, target as (
          select u.* from uploads u join gate on gate.refusal is null and gate.user_id = u.user_id
          where u.id = ${id}::uuid and u.deleted_at is null
        ), judged as (
          select t.id, t.size, t.user_id, t.expires_at, case
            when t.size <> ${object.size}::bigint or t.sha256 <> ${object.sha256}::text then 'wrong_bytes'
            when t.content_type <> ${object.contentType}::text then 'wrong_type'
            when ${flaw}::text is not null then ${flaw}::text
            when t.verdict = 'failed' and t.verdict_etag = ${etag} then t.verdict_detail end as flaw,
            coalesce(t.verdict = 'clean' and t.verdict_etag = ${etag}, false) as is_clean
          from target t where t.status = 'pending' and t.attempts = ${claim}
        ), changed as (
          update uploads u set
            status = case when j.flaw is not null then 'failed' when j.is_clean then 'clean' else 'scanning' end,
            reason = j.flaw, etag = ${etag}, attempts = 0, completed_at = ${now}::timestamptz, updated_at = ${now}::timestamptz,
            next_attempt_at = case when j.flaw is null and j.is_clean then greatest(u.expires_at, ${now}::timestamptz)
                                   else ${now}::timestamptz end
          from judged j where u.id = j.id
          returning u.*
        ), released as (
          ${releaseUsage(sql`changed r`, { files: sql`0`, bytes: sql`r.size` })} and r.status = 'failed'
        ), completed as (
          ${insertAudit(ctx, { ...event, id: newId(now), type: 'upload.completed' })} from changed where changed.status <> 'failed'
        ), cleaned as (
          ${insertAudit(ctx, { ...event, id: newId(now), type: 'upload.clean' })} from changed where changed.status = 'clean'
        ), failed as (
          ${insertAudit(ctx, { ...event, id: newId(now), type: 'upload.failed' })} from changed where changed.status = 'failed'
        )
        select gate.refusal, ${uploadColumns}, exists (select from changed) as changed,
          coalesce(u.next_attempt_at <= ${now}::timestamptz, false) as is_due
        from gate left join (
          select * from changed union all select * from target where not exists (select from changed)
        ) u on true`,
    ])) as [unknown, (Gated & Partial<UploadRow> & { changed: boolean; is_due: boolean })[]];
    return { ...found(row), changed: row?.changed ?? false, isDue: row?.is_due ?? false };
  },

  findOwn: async (ctx: SessionContext, id: string): Promise<Found<UploadRecord>> => {
    const [row] = await db.execute<Gated & Partial<UploadRecordRow>>(
      ctx,
      sql`
        with ${gate.own(ctx)}
        select gate.refusal, ${uploadRecordColumns} from gate left join uploads u
          on gate.refusal is null and u.user_id = gate.user_id and u.id = ${id}::uuid and u.deleted_at is null`,
    );
    return {
      refusal: refusalOf(row),
      upload: row && isFound<UploadRecordRow>(row) ? toUploadRecord(row) : null,
    };
  },

  /** A page of the actor's files, newest first; `after` is the id of the last one seen. */
  listOwn: async (
    ctx: SessionContext,
    page: Slice,
  ): Promise<{ refusal: SessionRefusal; uploads: Upload[] }> => {
    const rows = await db.execute<Gated & Partial<UploadRow>>(
      ctx,
      sql`
        with ${gate.own(ctx)}
        select gate.refusal, ${uploadColumns} from gate left join lateral (
          select * from uploads u
          where gate.refusal is null and u.user_id = gate.user_id and u.deleted_at is null
            and (${page.after}::uuid is null or u.id < ${page.after}::uuid)
          order by u.id desc limit ${page.limit}
        ) u on true
        order by u.id desc`,
    );
    const uploads = rows.flatMap((row) => (isFound<UploadRow>(row) ? [toUpload(row)] : []));
    return { refusal: refusalOf(rows[0]), uploads };
  },

  /** A page of somebody's files, for who is permitted to know of them. */
  listOf: async (
    ctx: PermittedContext,
    userId: string,
    { after, limit }: Slice,
  ): Promise<{ refusal: Refusal; uploads: Upload[] }> => {
    const rows = await db.execute<{ refusal: Refusal } & Partial<UploadRow>>(
      ctx,
      sql`
        with ${gate.permitted(ctx)}
        select case when gate.refusal is not null then gate.refusal
                    when not exists (select from users where id = ${userId}::uuid) then 'not_found' end as refusal,
          ${uploadColumns}
        from gate left join lateral (
          select * from uploads u
          where gate.refusal is null and u.user_id = ${userId}::uuid and u.deleted_at is null
            ${after === null ? sql`` : sql`and u.id < ${after}::uuid`}
          order by u.id desc limit ${limit}
        ) u on true
        order by u.id desc`,
    );
    const uploads = rows.flatMap((row) => (isFound<UploadRow>(row) ? [toUpload(row)] : []));
    return { refusal: refusalOf(rows[0]), uploads };
  },

  /** Hides a file at once; its bytes, and then its row, go with the next piece of work. */
  removeOwn: async (
    ctx: SessionContext,
    id: string,
  ): Promise<{ refusal: SessionRefusal; removed: boolean }> => {
    const event = {
      id: newId(ctx.now),
      type: 'upload.deleted',
      actor: sql`removed.user_id`,
      subject: sql`removed.user_id`,
      details: sql`jsonb_build_object('upload_id', removed.id, 'status', removed.status)`,
    } as const;
    const [row] = await db.execute<Gated & { removed: boolean }>(
      ctx,
      sql`
        with ${gate.own(ctx)}, removed as (
          update uploads u set deleted_at = ${ctx.now}, updated_at = ${ctx.now}, next_attempt_at = ${ctx.now}, attempts = 0
          from gate
          where gate.refusal is null and u.user_id = gate.user_id and u.id = ${id}::uuid and u.deleted_at is null
          returning u.id, u.user_id, u.status, u.size
        ), released as (
          ${releaseUsage(sql`removed r`, {
            files: sql`1`,
            bytes: sql`case when ${holdsBytes(sql`r.status`)} then r.size else 0 end`,
          })}
        ), audited as (
          ${insertAudit(ctx, event)} from removed
        )
        select gate.refusal, exists (select from removed) as removed from gate`,
    );
    return { refusal: refusalOf(row), removed: row?.removed ?? false };
  },

  /** What a signed URL is about; its signature stands in for a login, but not for an account that is disabled. */
  findForPut: async (ctx: Pick<RequestContext, 'signal'>, id: string): Promise<UploadRecord | null> => {
    const [row] = await db.execute<UploadRecordRow>(
      ctx,
      sql`select ${uploadRecordColumns} from uploads u join users a on a.id = u.user_id
          where u.id = ${id}::uuid and u.deleted_at is null and a.disabled_at is null`,
    );
    return row ? toUploadRecord(row) : null;
  },
});

const isFound = <Row extends UploadRow>(row: Partial<Row>): row is Row =>
  row.id !== null && row.id !== undefined;

const found = (row: (Gated & Partial<UploadRow>) | undefined): Found<Upload> => ({
  refusal: refusalOf(row),
  upload: row && isFound<UploadRow>(row) ? toUpload(row) : null,
});
