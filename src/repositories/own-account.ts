import { sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { Database } from '../db/client.ts';
import { violatedUnique } from '../db/errors.ts';
import type { AccountRecord } from '../domain/account.ts';
import type { IdentityRecord, MailRecord, SessionRecord, TokenRecord } from '../domain/account-export.ts';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Slice } from '../domain/page.ts';
import type { SessionRefusal } from '../domain/session.ts';
import type { Upload } from '../domain/upload.ts';
import type { Refusal } from '../refusals.ts';
import { lockActor } from './account-lock.ts';
import { type AccountRow, accountColumns, toAccount } from './account-rows.ts';
import { type AuditRow, auditEventColumns, insertAudit, toAuditEvent } from './audit-rows.ts';
import { isLastAdministrator, lockOwnAuthority } from './authority.ts';
import { eraseAccount } from './erasure.ts';
import { type Gate, type Gated, refusalOf } from './gate.ts';
import { toUpload, type UploadRow, uploadColumns } from './upload-rows.ts';

type Own<Found> = { refusal: Exclude<SessionRefusal, null> } | ({ refusal: null } & Found);

export type OwnRecords = {
  readonly account: AccountRecord;
  readonly identities: readonly IdentityRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly mails: readonly MailRecord[];
  readonly tokens: readonly TokenRecord[];
  readonly uploads: readonly Upload[];
  readonly events: readonly AuditEvent[];
};

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type OwnAccountRepository = ReturnType<typeof createOwnAccountRepository>;

/** What people do with their own accounts. */
export const createOwnAccountRepository = (db: Database, { newId, gate }: Options) => ({
  find: async (ctx: RequestContext): Promise<Own<{ account: AccountRecord }>> => {
    const [row] = await db.execute<AccountRow & Gated>(
      ctx,
      sql`with ${gate.own(ctx, { unverified: true })}
          select gate.refusal, ${accountColumns} from gate join users u on u.id = gate.user_id`,
    );
    const refusal = refusalOf(row);
    return row && refusal === null
      ? { refusal, account: toAccount(row) }
      : { refusal: refusal ?? 'session_revoked' };
  },

  /** Sets the user name, or takes it away. The unique constraint decides races. */
  rename: async (
    ctx: RequestContext,
    username: string | null,
  ): Promise<Own<{ account: AccountRecord }> | { refusal: 'username_taken' }> => {
    const event = {
      id: newId(ctx.now),
      type: 'account.changed',
      actor: sql`u.id`,
      subject: sql`u.id`,
      details: sql`jsonb_build_object('username', 'changed')`,
    } as const;
    try {
      const [, [row]] = (await db.transaction(ctx, [
        lockActor(gate, ctx),
        sql`
          with ${gate.own(ctx)}, u as (
            update users set username = ${username}, updated_at = ${ctx.now}
            from gate where gate.refusal is null and users.id = gate.user_id
            returning users.*
          ), audited as (
            ${insertAudit(ctx, event)} from u
          )
          select coalesce(gate.refusal, case when u.id is null then 'session_revoked' end) as refusal, ${accountColumns}
          from gate left join u on true`,
      ])) as [unknown, (AccountRow & Gated)[]];
      const refusal = refusalOf(row);
      return row && refusal === null
        ? { refusal, account: toAccount(row) }
        : { refusal: refusal ?? 'session_revoked' };
    } catch (error) {
      if (violatedUnique(error) === 'users_username_unique') return { refusal: 'username_taken' };
      throw error;
    }
  },

  /**
   * Deletes the account if it is as it was when the password was proved, and not the last administrator's. Whoever has
   * changed it since, by a link or in another session, has been told that it is so.
   */
  remove: async (
    ctx: RequestContext,
    { passwordHash, updatedAt, outboxId }: { passwordHash: string; updatedAt: Date; outboxId: string },
  ): Promise<Refusal> => {
    // The event stays when the person is gone, so it is the first to have no address and no device.
    const anonymous = { ...ctx, ip: null, userAgent: null, requestId: 'erased' };
    const event = {
      id: newId(ctx.now),
      type: 'account.deleted',
      actor: sql`erased.id`,
      subject: sql`erased.id`,
    } as const;
    const [, , [verdict]] = (await db.transaction(ctx, [
      lockOwnAuthority(gate, ctx),
      lockActor(gate, ctx, { deletes: true }),
      sql`
        with ${gate.own(ctx)}, verdict as (
          select u.id, case
            when gate.refusal is not null then gate.refusal
            when u.password_hash is distinct from ${passwordHash} or u.updated_at <> ${updatedAt}::timestamptz
              then 'account_changed'
            when ${isLastAdministrator(gate)} then 'last_administrator' end as refusal
          from gate join users u on u.id = gate.user_id
        ), ${eraseAccount(ctx, outboxId, sql`select verdict.id from verdict where verdict.refusal is null`)}, audited as (
          ${insertAudit(anonymous, event)} from erased
        )
        select verdict.refusal from verdict`,
    ])) as [unknown, unknown, { refusal: Refusal }[]];
    return refusalOf(verdict);
  },

  /** Everything that is kept of the actor; the events are a page of all that are about the account. */
  export: async (ctx: RequestContext, { after, limit }: Slice): Promise<Own<OwnRecords>> => {
    const [row] = await db.execute<AccountRow & Gated & OwnJson>(
      ctx,
      sql`
        with ${gate.own(ctx, { unverified: true })}
        select gate.refusal, ${accountColumns},
          (select coalesce(json_agg(i.* order by i.id), '[]') from (
            select i.id, i.issuer, i.subject, i.created_at, i.last_used_at
            from identities i where i.user_id = gate.user_id) i) as identities,
          (select coalesce(json_agg(s.* order by s.id desc), '[]') from (
            select s.id, s.created_at, s.refreshed_at, s.expires_at, s.revoked_at, host(s.ip) as ip, s.user_agent
            from sessions s where s.user_id = gate.user_id) s) as sessions,
          (select coalesce(json_agg(m.* order by m.id desc), '[]') from (
            select o.id, o.recipient, o.template, o.created_at, o.sent_at from outbox o where o.user_id = gate.user_id) m) as mails,
          (select coalesce(json_agg(t.* order by t.id desc), '[]') from (
            select o.id, o.purpose, o.email, o.created_at, o.expires_at, o.used_at
            from one_time_tokens o where o.user_id = gate.user_id) t) as tokens,
          (select coalesce(json_agg(f.* order by f.id desc), '[]') from (
            select ${uploadColumns} from uploads u where u.user_id = gate.user_id and u.deleted_at is null) f) as uploads,
          (select coalesce(json_agg(e.* order by e.id desc), '[]') from (
            select ${auditEventColumns} from audit_events e
            where e.subject_id = gate.user_id ${after === null ? sql`` : sql`and e.id < ${after}::uuid`}
            order by e.id desc limit ${limit}) e) as events
        from gate left join users u on u.id = gate.user_id and gate.refusal is null`,
    );
    const refusal = refusalOf(row);
    if (!row || refusal !== null) return { refusal: refusal ?? 'session_revoked' };
    return {
      refusal,
      account: toAccount(row),
      identities: row.identities.map(({ issuer, subject, created_at, last_used_at }) => ({
        issuer,
        subject,
        createdAt: new Date(created_at),
        lastUsedAt: new Date(last_used_at),
      })),
      sessions: row.sessions.map(toSessionRecord),
      mails: row.mails.map(({ recipient, template, created_at, sent_at }) => ({
        recipient,
        template,
        createdAt: new Date(created_at),
        sentAt: dateOrNull(sent_at),
      })),
      tokens: row.tokens.map(({ purpose, email, created_at, expires_at, used_at }) => ({
        purpose,
        email,
        createdAt: new Date(created_at),
        expiresAt: new Date(expires_at),
        usedAt: dateOrNull(used_at),
      })),
      uploads: row.uploads.map((upload) =>
        toUpload({
          ...upload,
          created_at: new Date(upload.created_at),
          expires_at: new Date(upload.expires_at),
        }),
      ),
      events: row.events.map((event) => toAuditEvent({ ...event, created_at: new Date(event.created_at) })),
    };
  },
});

type SessionJson = {
  id: string;
  created_at: string;
  refreshed_at: string;
  expires_at: string;
  revoked_at: string | null;
  ip: string | null;
  user_agent: string | null;
};

type OwnJson = {
  identities: { issuer: string; subject: string; created_at: string; last_used_at: string }[];
  sessions: SessionJson[];
  mails: { recipient: string; template: string; created_at: string; sent_at: string | null }[];
  tokens: {
    purpose: string;
    email: string;
    created_at: string;
    expires_at: string;
    used_at: string | null;
  }[];
  uploads: (Omit<UploadRow, 'created_at' | 'expires_at'> & { created_at: string; expires_at: string })[];
  events: AuditJson[];
};

const dateOrNull = (text: string | null): Date | null => (text === null ? null : new Date(text));

type AuditJson = Omit<AuditRow, 'created_at'> & { created_at: string };

const toSessionRecord = (row: SessionJson): SessionRecord => ({
  id: row.id,
  createdAt: new Date(row.created_at),
  lastUsedAt: new Date(row.refreshed_at),
  expiresAt: new Date(row.expires_at),
  revokedAt: dateOrNull(row.revoked_at),
  ip: row.ip,
  userAgent: row.user_agent,
});
