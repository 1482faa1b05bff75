import { type SQL, sql } from 'drizzle-orm';
import { lockAccount, lockActor, lockOwnerOfSession } from '../../accounts/sql/account-lock.ts';
import { toAccount } from '../../accounts/sql/account-rows.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { endedWithSessions } from '../../emails/rules.ts';
import { voidTokens } from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type {
  LogoutScope,
  NewSession,
  OpenSession,
  SessionPolicy,
  SessionSummary,
} from '../rules/session.ts';
import { changedAccounts } from './changed-accounts.ts';
import { type Gated, passed, type StatementParts } from './gate.ts';
import { isForgiven } from './refresh.ts';
import { type OpenedRow, openSession } from './session-opening.ts';
import { isOver } from './session-rows.ts';

/** The session that a caller has proved to hold: by an access token, or by a refresh token of that counter. */
export type SessionProof = { readonly sessionId: string; readonly counter: number | null };

type Parts = Pick<StatementParts, 'db' | 'newId' | 'gate'>;

type OthersRow = { refusal: 'session_revoked' | 'refresh_token_invalid' | null };

type SummaryRow = {
  id: string | null;
  created_at: Date;
  refreshed_at: Date;
  ip: string | null;
  user_agent: string | null;
  current: boolean;
};

/** The audit event of a logout by `held`, which yields the account as `user_id`; `ended` yields the ended sessions. */
const endedByOwner = (id: string, scope: LogoutScope, held: SQL, ended: SQL) =>
  ({
    id,
    type: 'session.ended',
    actor: sql`${held}.user_id`,
    subject: sql`${held}.user_id`,
    details: sql`jsonb_build_object('scope', ${scope}::text, 'sessions', (select count(*) from ${ended}))`,
  }) as const;

export const createSessionSql = ({ db, newId, gate }: Parts) => ({
  /**
   * Opens a session for an account that is not disabled, and writes a mail where the device is new. Null where the
   * account was disabled or deleted, or got another password, since the password was read: a hash takes long enough for
   * that. A re-hash leaves the date of the password as it is.
   */
  open: async (
    ctx: RequestContext,
    { userId, passwordChangedAt }: { readonly userId: string; readonly passwordChangedAt: Date | null },
    session: NewSession,
    outboxId: string,
  ): Promise<(OpenSession & { readonly isDeviceTold: boolean }) | null> => {
    const opening = { session, outboxId, eventId: newId(ctx.now), deviceId: newId(ctx.now) };
    const asProved = sql`account.id = ${userId} and account.password_hash is not null
      and account.password_changed_at is not distinct from ${passwordChangedAt}::timestamptz`;
    const [, [row]] = (await db.transaction(ctx, [
      lockAccount(userId),
      openSession(ctx, asProved, opening),
    ])) as [unknown, OpenedRow[]];
    return row ? { session, account: toAccount(row), isDeviceTold: row.is_device_told } : null;
  },

  /**
   * Ends a live session. An outdated refresh token ends its session too, as it would on refresh; the audit event says so,
   * because someone other than the owner may have sent it.
   */
  end: async (ctx: RequestContext, { sessionId, counter }: SessionProof): Promise<void> => {
    const { details, ...event } = endedByOwner(newId(ctx.now), 'local', sql`held`, sql`ended`);
    const outdated = sql`case when held.refresh_counter > ${counter}::int
      then '{"outdated_token": true}'::jsonb else '{}'::jsonb end`;
    await db.transaction(ctx, [
      lockOwnerOfSession(sessionId),
      sql`
        with held as (
          select session.id, session.user_id, session.refresh_counter from sessions session
          join users owner on owner.id = session.user_id
          where session.id = ${sessionId} and not ${isOver(sql`session`, ctx.now)}
        ), ended as (
          update sessions set revoked_at = ${ctx.now}, revoked_reason = 'logout'
          from held where sessions.id = held.id and sessions.revoked_at is null
          returning sessions.user_id
        ), audited as (
          ${insertAudit(ctx, { ...event, details: sql`${details} || ${outdated}` })} from held
        )
        select ${changedAccounts(sql`select session.user_id from sessions session where session.id = ${sessionId}::uuid`)}`,
    ]);
  },

  /**
   * Ends the account's other sessions, or all, and the tokens that they may have asked for. Only a live session may
   * end others, and a refresh token counts only while a refresh would take it; the account's lock decides between two
   * sessions that end each other.
   * @returns why nothing was done, or null
   */
  endWithOthers: async (
    ctx: RequestContext,
    { sessionId, counter }: SessionProof,
    scope: Exclude<LogoutScope, 'local'>,
    policy: SessionPolicy,
  ): Promise<'session_revoked' | 'refresh_token_invalid' | null> => {
    const { now } = ctx;
    const isCurrent =
      counter === null
        ? sql`true`
        : sql`(session.refresh_counter = ${counter} or ${isForgiven(sql`session`, counter, policy, now)})`;
    // The holder of the current token has received it: no answer was lost, and the token before it is of no more use.
    const presented =
      scope === 'others' && counter !== null
        ? sql`presented as (
          update sessions set late_device = null from held
          where held.refusal is null and sessions.id = held.id and sessions.refresh_counter = ${counter}
        ), `
        : sql``;
    const event = endedByOwner(newId(now), scope, sql`held`, sql`ended`);
    const [, [row]] = (await db.transaction(ctx, [
      lockOwnerOfSession(sessionId),
      sql`
      with held as (
        select session.id, session.user_id, case
          when ${isOver(sql`session`, now)} then 'session_revoked'
          when not ${isCurrent} then 'refresh_token_invalid' end as refusal
        from sessions session join users owner on owner.id = session.user_id
        where session.id = ${sessionId}
      ), ended as (
        update sessions set revoked_at = ${now}, revoked_reason = 'logout'
        from held
        where held.refusal is null and sessions.user_id = held.user_id and sessions.revoked_at is null
          ${scope === 'others' ? sql`and sessions.id <> held.id` : sql``}
        returning sessions.id
      ), ${presented}logged_out_account as (
        select held.user_id as id from held where held.refusal is null
      ), voided_tokens as (
        ${voidTokens(ctx, endedWithSessions, sql`logged_out_account`)}
      ), audited as (
        ${insertAudit(ctx, event)} from held where held.refusal is null
      )
      select held.refusal, ${changedAccounts(sql`select logged_out_account.id from logged_out_account`)} from held`,
    ])) as [unknown, OthersRow[]];
    if (row) return row.refusal;
    return counter === null ? 'session_revoked' : 'refresh_token_invalid';
  },

  /**
   * Ends one of the actor's sessions, and the tokens that it may have asked for.
   * @throws AppError what the gate refuses with; `not_found`
   */
  endOwn: async (ctx: SessionContext, sessionId: string): Promise<void> => {
    const event = {
      id: newId(ctx.now),
      type: 'session.ended',
      actor: sql`ended_session.user_id`,
      subject: sql`ended_session.user_id`,
      details: sql`jsonb_build_object('session_id', ended_session.id)`,
    } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockActor(gate, ctx),
      sql`
        with ${gate.own(ctx)}, ended_session as (
          update sessions set revoked_at = ${ctx.now}, revoked_reason = 'revoked'
          from gate
          where gate.refusal is null and sessions.user_id = gate.user_id and sessions.id = ${sessionId}
            and not ${isOver(sql`sessions`, ctx.now)}
          returning sessions.id, sessions.user_id
        ), session_owner as (
          select ended_session.user_id as id from ended_session
        ), voided_tokens as (
          ${voidTokens(ctx, endedWithSessions, sql`session_owner`)}
        ), audited as (
          ${insertAudit(ctx, event)} from ended_session
        )
        select gate.refusal, exists (select from ended_session) as ended,
          ${changedAccounts(sql`select ended_session.user_id from ended_session`)}
        from gate`,
    ])) as [unknown, (Gated & { ended: boolean })[]];
    if (!passed(row).ended) throw new AppError('not_found');
  },

  /** A page of the actor's live sessions, newest first. @throws AppError what the gate refuses with */
  listOwn: async (ctx: SessionContext, { cursor, limit }: PageRequest): Promise<Page<SessionSummary>> => {
    const rows = await db.execute<Gated & SummaryRow>(
      ctx,
      sql`
      with ${gate.own(ctx)}
      select gate.refusal, live.id, live.created_at, live.refreshed_at, host(live.ip) as ip, live.user_agent,
        live.id = gate.session_id as current
      from gate left join lateral (
        select * from sessions session
        where gate.refusal is null and session.user_id = gate.user_id and not ${isOver(sql`session`, ctx.now)}
          and (${cursor}::uuid is null or session.id < ${cursor}::uuid)
        order by session.id desc limit ${limit + 1}
      ) live on true
      order by live.id desc`,
    );
    passed(rows[0]);
    const sessions = rows.flatMap(({ id, created_at, refreshed_at, ip, user_agent, current }) =>
      id === null
        ? []
        : [
            {
              id,
              createdAt: created_at,
              lastUsedAt: refreshed_at,
              ip,
              userAgent: user_agent,
              current,
            },
          ],
    );
    return pageOf(sessions, limit, ({ id }) => id);
  },
});
