import { type SQL, sql } from 'drizzle-orm';
import { lockAccount, lockActor, lockOwnerOfSession } from '../../accounts/sql/account-lock.ts';
import {
  type AccountRow,
  accountColumns,
  type SessionRow,
  toAccount,
  toSession,
} from '../../accounts/sql/account-rows.ts';
import type { LoginCandidate } from '../../accounts/sql/accounts.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { endedWithSessions } from '../../emails/rules.ts';
import { voidFreeTokens, voidTokens } from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { RefreshClaim } from '../rules/refresh-token.ts';
import {
  type LogoutScope,
  type NewSession,
  type OpenSession,
  type RefreshOutcome,
  type SessionPolicy,
  type SessionRefusal,
  type SessionSummary,
  secondsAfter,
} from '../rules/session.ts';
import { type Gate, type Gated, refusalOf } from './gate.ts';
import { type OpenedRow, openSession } from './session-opening.ts';
import { isOver } from './session-rows.ts';

/** Which session a caller has proved to hold: by an access token, or by a refresh token of that counter. */
export type SessionProof = { readonly sessionId: string; readonly counter: number | null };

export type SessionRepository = ReturnType<typeof createSessionRepository>;

type Options = {
  readonly newId: (now: Date) => string;
  readonly gate: Gate;
  /** Accounts whose address is not verified get no tokens and reach nothing but their own account. */
  readonly verifiedOnly: boolean;
};

/** Whether a refresh token one step behind is still answered: a racing tab, or a reply that was lost. */
const isForgiven = (
  session: SQL,
  counter: number,
  { reuseGraceSeconds }: SessionPolicy,
  now: Date,
): SQL => sql`(
  ${session}.refresh_counter = ${counter + 1} and ${session}.refreshed_at >= ${secondsAfter(now, -reuseGraceSeconds)})`;

/** The event of a logout, for a statement that has `held` and `ended`. */
const endedByOwner = (id: string, scope: LogoutScope) =>
  ({
    id,
    type: 'session.ended',
    actor: sql`held.user_id`,
    subject: sql`held.user_id`,
    details: sql`jsonb_build_object('scope', ${scope}::text, 'sessions', (select count(*) from ended))`,
  }) as const;

export const createSessionRepository = (db: Database, { newId, gate, verifiedOnly }: Options) => ({
  /**
   * Opens a session for an account that is not disabled, and writes a mail where the user agent or the network is
   * new to an account that has had sessions. Null where the account has been disabled or deleted since the password was
   * read, or has another one: a hash takes long enough for that. A re-hash changes no password, and not its date.
   */
  open: async (
    ctx: RequestContext,
    { userId, passwordChangedAt }: Pick<LoginCandidate, 'userId' | 'passwordChangedAt'>,
    session: NewSession,
    outboxId: string,
  ): Promise<(OpenSession & { readonly isNewDevice: boolean }) | null> => {
    const opening = { session, outboxId, eventId: newId(ctx.now) };
    const asProved = sql`u.id = ${userId} and u.password_hash is not null
    and u.password_changed_at is not distinct from ${passwordChangedAt}::timestamptz`;
    const [, [row]] = (await db.transaction(ctx, [
      lockAccount(userId),
      openSession(ctx, asProved, opening),
    ])) as [unknown, OpenedRow[]];
    return row ? { session, account: toAccount(row), isNewDevice: row.is_new_device } : null;
  },

  /**
   * One step of refresh-token rotation, decided by one UPDATE: parallel calls queue on the row's lock and each
   * sees what the one before has left. Current token: the counter advances. One behind within the grace: nothing
   * changes and the caller gets the current successor. Older: the session ends, with what it may have asked for (RFC 9700
   * section 4.14.2).
   */
  refresh: async (
    ctx: RequestContext,
    claim: RefreshClaim,
    policy: SessionPolicy,
  ): Promise<RefreshOutcome> => {
    const { now } = ctx;
    const isCurrent = sql`s.refresh_counter = ${claim.counter}`;
    const isReuse = sql`(s.refresh_counter > ${claim.counter} and not ${isForgiven(sql`s`, claim.counter, policy, now)})`;
    const event = {
      id: newId(now),
      type: 'session.refresh_reused',
      actor: noOne,
      subject: sql`t.user_id`,
      details: sql`jsonb_build_object('session_id', t.id)`,
    } as const;
    const [row] = await db.execute<RefreshRow>(
      ctx,
      sql`
      with t as (
        update sessions s set
          refresh_counter = s.refresh_counter + case when ${isCurrent} then 1 else 0 end,
          refreshed_at = case when ${isCurrent} then ${now}::timestamptz else s.refreshed_at end,
          expires_at = case when ${isCurrent}
            then least(${secondsAfter(now, policy.refreshTtlSeconds)}::timestamptz, s.absolute_expires_at)
            else s.expires_at end,
          revoked_at = case when ${isReuse} then ${now}::timestamptz end,
          revoked_reason = case when ${isReuse} then 'refresh_reuse' end
        from users u
        where s.id = ${claim.sessionId} and s.refresh_counter >= ${claim.counter}
          and not ${isOver(sql`s`, now)}
          and u.id = s.user_id and u.disabled_at is null
          and (u.email_verified_at is not null or not ${verifiedOnly}::boolean)
        returning s.*
      ), c as (
        select t.user_id as id from t where t.revoked_at is not null
      ), spent as (
        ${voidFreeTokens(ctx, endedWithSessions)}
      ), audited as (
        ${insertAudit(ctx, event)} from t where t.revoked_at is not null
      )
      select case when t.revoked_at is not null then 'reused'
                  when t.id is not null then 'refreshed'
                  when u.disabled_at is not null then 'disabled'
                  when b.revoked_at is null and u.email_verified_at is null and ${verifiedOnly}::boolean then 'unverified'
                  when b.revoked_reason is null and b.expires_at <= ${now} then 'expired'
                  when b.refresh_counter < ${claim.counter} then 'unknown'
                  else 'revoked' end as kind,
             t.id as session_id, t.scope, t.refresh_counter, t.expires_at, ${accountColumns}
      from sessions b join users u on u.id = b.user_id left join t on t.id = b.id
      where b.id = ${claim.sessionId}`,
    );
    if (!row) return { kind: 'unknown' };
    if (row.kind !== 'refreshed') return { kind: row.kind };
    return { kind: 'refreshed', session: toSession(row), account: toAccount(row) };
  },

  /** Ends the session that the proof names, if it is live. An outdated refresh token ends it too, as it would on refresh. */
  end: async (ctx: RequestContext, { sessionId }: SessionProof): Promise<void> => {
    await db.transaction(ctx, [
      lockOwnerOfSession(sessionId),
      sql`
        with held as (
          select h.id, h.user_id from sessions h join users u on u.id = h.user_id
          where h.id = ${sessionId} and not ${isOver(sql`h`, ctx.now)}
        ), ended as (
          update sessions s set revoked_at = ${ctx.now}, revoked_reason = 'logout'
          from held where s.id = held.id and s.revoked_at is null
          returning s.id
        )
        ${insertAudit(ctx, endedByOwner(newId(ctx.now), 'local'))} from held`,
    ]);
  },

  /**
   * Ends the account's other sessions, or all, and what any of them may have asked for. Only a live session has a say over others, and a refresh token only
   * while a refresh would take it; the account's lock decides between two sessions that end each other.
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
        : sql`(h.refresh_counter = ${counter} or ${isForgiven(sql`h`, counter, policy, now)})`;
    const [, [row]] = (await db.transaction(ctx, [
      lockOwnerOfSession(sessionId),
      sql`
      with held as (
        select h.id, h.user_id, case
          when ${isOver(sql`h`, now)} then 'session_revoked'
          when not ${isCurrent} then 'refresh_token_invalid' end as refusal
        from sessions h join users u on u.id = h.user_id where h.id = ${sessionId}
      ), ended as (
        update sessions s set revoked_at = ${now}, revoked_reason = 'logout'
        from held
        where held.refusal is null and s.user_id = held.user_id and s.revoked_at is null
          ${scope === 'others' ? sql`and s.id <> held.id` : sql``}
        returning s.id
      ), c as (
        select held.user_id as id from held where held.refusal is null
      ), spent as (
        ${voidTokens(ctx, endedWithSessions)}
      ), audited as (
        ${insertAudit(ctx, endedByOwner(newId(now), scope))} from held where held.refusal is null
      )
      select held.refusal from held`,
    ])) as [unknown, { refusal: 'session_revoked' | 'refresh_token_invalid' | null }[]];
    if (row) return row.refusal;
    return counter === null ? 'session_revoked' : 'refresh_token_invalid';
  },

  /** Ends one of the actor's sessions, named by its id, and what it may have asked for. */
  endOwn: async (
    ctx: SessionContext,
    sessionId: string,
  ): Promise<{ refusal: SessionRefusal; ended: boolean }> => {
    const event = {
      id: newId(ctx.now),
      type: 'session.ended',
      actor: sql`e.user_id`,
      subject: sql`e.user_id`,
      details: sql`jsonb_build_object('session_id', e.id)`,
    } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockActor(gate, ctx),
      sql`
        with ${gate.own(ctx)}, e as (
          update sessions s set revoked_at = ${ctx.now}, revoked_reason = 'revoked'
          from gate
          where gate.refusal is null and s.user_id = gate.user_id and s.id = ${sessionId}
            and not ${isOver(sql`s`, ctx.now)}
          returning s.id, s.user_id
        ), c as (
          select e.user_id as id from e
        ), spent as (
          ${voidTokens(ctx, endedWithSessions)}
        ), audited as (
          ${insertAudit(ctx, event)} from e
        )
        select gate.refusal, exists (select from e) as ended from gate`,
    ])) as [unknown, (Gated & { ended: boolean })[]];
    return { refusal: refusalOf(row), ended: row?.ended ?? false };
  },

  /** A page of the actor's live sessions, newest first; `after` is the id of the last one seen. */
  listOwn: async (
    ctx: SessionContext,
    page: { after: string | null; limit: number },
  ): Promise<{ refusal: SessionRefusal; sessions: SessionSummary[] }> => {
    const rows = await db.execute<Gated & SummaryRow>(
      ctx,
      sql`
      with ${gate.own(ctx)}
      select gate.refusal, s.id, s.created_at, s.refreshed_at, host(s.ip) as ip, s.user_agent, s.id = gate.session_id as current
      from gate left join lateral (
        select * from sessions s
        where gate.refusal is null and s.user_id = gate.user_id and not ${isOver(sql`s`, ctx.now)}
          and (${page.after}::uuid is null or s.id < ${page.after}::uuid)
        order by s.id desc limit ${page.limit}
      ) s on true
      order by s.id desc`,
    );
    const sessions = rows.flatMap(({ id, created_at, refreshed_at, ip, user_agent, current }) =>
      id === null
        ? []
        : [{ id, createdAt: created_at, lastUsedAt: refreshed_at, ip, userAgent: user_agent, current }],
    );
    return { refusal: refusalOf(rows[0]), sessions };
  },
});

type RefreshRow = AccountRow & SessionRow & { kind: RefreshOutcome['kind'] };

type SummaryRow = {
  id: string | null;
  created_at: Date;
  refreshed_at: Date;
  ip: string | null;
  user_agent: string | null;
  current: boolean;
};
