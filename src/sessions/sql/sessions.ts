import { type SQL, sql } from 'drizzle-orm';
import { lockAccount, lockActor, lockOwnerOfSession } from '../../accounts/sql/account-lock.ts';
import {
  type AccountRow,
  accountColumnsOf,
  type SessionRow,
  toAccount,
  toSession,
} from '../../accounts/sql/account-rows.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { endedWithSessions } from '../../emails/rules.ts';
import { voidFreeTokens, voidTokens } from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import {
  type LogoutScope,
  type NewSession,
  type OpenSession,
  type RefreshClaim,
  type RefreshOutcome,
  type SessionPolicy,
  type SessionSummary,
  secondsAfter,
} from '../rules/session.ts';
import { type Gated, passed, type StatementParts } from './gate.ts';
import { type OpenedRow, openSession } from './session-opening.ts';
import { isOver } from './session-rows.ts';

/** The session that a caller has proved to hold: by an access token, or by a refresh token of that counter. */
export type SessionProof = { readonly sessionId: string; readonly counter: number | null };

type Parts = Pick<StatementParts, 'db' | 'newId' | 'gate' | 'verifiedOnly'>;

type RefreshRow = AccountRow & SessionRow & { kind: RefreshOutcome['kind'] };

type OthersRow = { refusal: 'session_revoked' | 'refresh_token_invalid' | null };

type SummaryRow = {
  id: string | null;
  created_at: Date;
  refreshed_at: Date;
  ip: string | null;
  user_agent: string | null;
  current: boolean;
};

/** Whether a refresh token one step behind is still answered: a racing tab sent it, or a reply was lost. */
const isForgiven = (
  session: SQL,
  counter: number,
  { reuseGraceSeconds }: SessionPolicy,
  now: Date,
): SQL => sql`(
  ${session}.refresh_counter = ${counter + 1}
  and ${session}.refreshed_at >= ${secondsAfter(now, -reuseGraceSeconds)})`;

/** The audit event of a logout by `held`, which yields the account as `user_id`; `ended` yields the ended sessions. */
const endedByOwner = (id: string, scope: LogoutScope, held: SQL, ended: SQL) =>
  ({
    id,
    type: 'session.ended',
    actor: sql`${held}.user_id`,
    subject: sql`${held}.user_id`,
    details: sql`jsonb_build_object('scope', ${scope}::text, 'sessions', (select count(*) from ${ended}))`,
  }) as const;

export const createSessionSql = ({ db, newId, gate, verifiedOnly }: Parts) => ({
  /**
   * Opens a session for an account that is not disabled, and writes a mail where the user agent or the network is new
   * to an account that has had sessions. Null where the account was disabled or deleted, or got another password,
   * since the password was read: a hash takes long enough for that. A re-hash leaves the date of the password as it
   * is.
   */
  open: async (
    ctx: RequestContext,
    { userId, passwordChangedAt }: { readonly userId: string; readonly passwordChangedAt: Date | null },
    session: NewSession,
    outboxId: string,
  ): Promise<(OpenSession & { readonly isNewDevice: boolean }) | null> => {
    const opening = { session, outboxId, eventId: newId(ctx.now) };
    const asProved = sql`account.id = ${userId} and account.password_hash is not null
      and account.password_changed_at is not distinct from ${passwordChangedAt}::timestamptz`;
    const [, [row]] = (await db.transaction(ctx, [
      lockAccount(userId),
      openSession(ctx, asProved, opening),
    ])) as [unknown, OpenedRow[]];
    return row ? { session, account: toAccount(row), isNewDevice: row.is_new_device } : null;
  },

  /**
   * One step of refresh-token rotation, decided by one UPDATE: parallel calls queue on the row's lock, and each sees
   * what the one before has left. A current token advances the counter. A token one step behind, within the grace,
   * changes nothing and gets the current successor. An older one ends the session, and the tokens that it may have
   * asked for (RFC 9700 section 4.14.2).
   */
  refresh: async (
    ctx: RequestContext,
    claim: RefreshClaim,
    policy: SessionPolicy,
  ): Promise<RefreshOutcome> => {
    const { now } = ctx;
    const isCurrent = sql`session.refresh_counter = ${claim.counter}`;
    const isReuse = sql`(
      session.refresh_counter > ${claim.counter}
      and not ${isForgiven(sql`session`, claim.counter, policy, now)})`;
    const event = {
      id: newId(now),
      type: 'session.refresh_reused',
      actor: noOne,
      subject: sql`stepped.user_id`,
      details: sql`jsonb_build_object('session_id', stepped.id)`,
    } as const;
    const [row] = await db.execute<RefreshRow>(
      ctx,
      sql`
      with stepped as (
        update sessions session set
          refresh_counter = session.refresh_counter + case when ${isCurrent} then 1 else 0 end,
          refreshed_at = case when ${isCurrent} then ${now}::timestamptz else session.refreshed_at end,
          expires_at = case when ${isCurrent}
            then least(${secondsAfter(now, policy.refreshTtlSeconds)}::timestamptz, session.absolute_expires_at)
            else session.expires_at end,
          revoked_at = case when ${isReuse} then ${now}::timestamptz end,
          revoked_reason = case when ${isReuse} then 'refresh_reuse' end
        from users owner
        where session.id = ${claim.sessionId} and session.refresh_counter >= ${claim.counter}
          and not ${isOver(sql`session`, now)}
          and owner.id = session.user_id and owner.disabled_at is null
          and (owner.email_verified_at is not null or not ${verifiedOnly}::boolean)
        returning session.*
      ), exposed_account as (
        select stepped.user_id as id from stepped where stepped.revoked_at is not null
      ), voided_tokens as (
        ${voidFreeTokens(ctx, endedWithSessions, sql`exposed_account`)}
      ), audited as (
        ${insertAudit(ctx, event)} from stepped where stepped.revoked_at is not null
      )
      select
        case
          when stepped.revoked_at is not null then 'reused'
          when stepped.id is not null then 'refreshed'
          when account.disabled_at is not null then 'disabled'
          when before.revoked_at is null and account.email_verified_at is null and ${verifiedOnly}::boolean
            then 'unverified'
          when before.revoked_reason is null and before.expires_at <= ${now} then 'expired'
          when before.refresh_counter < ${claim.counter} then 'unknown'
          else 'revoked' end as kind,
        stepped.id as session_id, stepped.scope, stepped.refresh_counter, stepped.expires_at,
        ${accountColumnsOf(sql`account`)}
      from sessions before
        join users account on account.id = before.user_id
        left join stepped on stepped.id = before.id
      where before.id = ${claim.sessionId}`,
    );
    if (!row) return { kind: 'unknown' };
    if (row.kind !== 'refreshed') return { kind: row.kind };
    return { kind: 'refreshed', session: toSession(row), account: toAccount(row) };
  },

  /** Ends a live session. An outdated refresh token ends its session too, as it would on refresh. */
  end: async (ctx: RequestContext, sessionId: string): Promise<void> => {
    await db.transaction(ctx, [
      lockOwnerOfSession(sessionId),
      sql`
        with held as (
          select session.id, session.user_id from sessions session
          join users owner on owner.id = session.user_id
          where session.id = ${sessionId} and not ${isOver(sql`session`, ctx.now)}
        ), ended as (
          update sessions set revoked_at = ${ctx.now}, revoked_reason = 'logout'
          from held where sessions.id = held.id and sessions.revoked_at is null
          returning sessions.id
        )
        ${insertAudit(ctx, endedByOwner(newId(ctx.now), 'local', sql`held`, sql`ended`))} from held`,
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
      ), logged_out_account as (
        select held.user_id as id from held where held.refusal is null
      ), voided_tokens as (
        ${voidTokens(ctx, endedWithSessions, sql`logged_out_account`)}
      ), audited as (
        ${insertAudit(ctx, event)} from held where held.refusal is null
      )
      select held.refusal from held`,
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
        select gate.refusal, exists (select from ended_session) as ended from gate`,
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
        : [{ id, createdAt: created_at, lastUsedAt: refreshed_at, ip, userAgent: user_agent, current }],
    );
    return pageOf(sessions, limit, ({ id }) => id);
  },
});
