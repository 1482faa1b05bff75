import { type SQL, sql } from 'drizzle-orm';
import { type AccountRow, accountColumnsOf } from '../../accounts/sql/account-rows.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { insertMail, originDetails } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import { recognizeDevice } from '../rules/device.ts';
import { endedByLimit, type NewSession, type SessionPolicy, secondsAfter } from '../rules/session.ts';
import { changedAccounts } from './changed-accounts.ts';
import { judgeDevice, rememberDevice } from './known-devices.ts';
import { isOver } from './session-rows.ts';

export type Opening = {
  readonly session: NewSession;
  /** The id of the mail about a new device. */
  readonly outboxId: string;
  /** The id of the audit event. */
  readonly eventId: string;
  /** The id of the row of its device, if that is not known yet. */
  readonly deviceId: string;
  readonly details?: SQL;
};

export type OpenedRow = AccountRow & { is_device_told: boolean };

export const sessionColumns = sql`
  (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent, late_device)`;

/** The values of the last three of `sessionColumns`. */
export const sessionOrigin = ({ ip, userAgent }: Pick<RequestContext, 'ip' | 'userAgent'>): SQL =>
  sql`${ip}::inet, ${userAgent}::text, ${recognizeDevice(userAgent)}::text`;

/**
 * Ends the oldest live sessions of the accounts that `opened` yields as `user_id`, as many as are too many beside the
 * new one. Expired sessions are closed as of their expiry, so that the index of the live ones stays short.
 */
const closeSurplus = ({ now }: RequestContext, maxPerAccount: number, opened: SQL): SQL => sql`
  update sessions set revoked_at = least(sessions.expires_at, ${now}::timestamptz),
    revoked_reason = case when not ranked.is_over then 'session_limit' end
  from (
    select live.id, live.is_over,
      count(*) filter (where not live.is_over) over (order by live.id desc) as place
    from ${opened}, lateral (
      select held.id, ${isOver(sql`held`, now)} as is_over from sessions held
      where held.user_id = ${opened}.user_id and held.revoked_at is null
      order by held.id desc limit ${maxPerAccount - 1 + endedByLimit}
    ) live
  ) ranked
  where sessions.id = ranked.id and sessions.revoked_at is null
    and (ranked.is_over or ranked.place >= ${maxPerAccount})
  returning sessions.user_id, sessions.revoked_reason`;

/**
 * Opens a session for the row `account` that fits the condition, if it is not disabled, and writes a mail where the
 * device is new (docs/adr/0033). No row where there is no such account.
 *
 * The row lock makes it wait for a statement that ends the account's sessions, and then check the condition again:
 * otherwise a login whose hash was under way would outlive a new password. Lock the account in a statement before
 * this one, so that parallel logins count each other; the number of sessions that it reads is bounded
 * (docs/adr/0018).
 */
export const openSession = (
  ctx: RequestContext,
  condition: SQL,
  { session, outboxId, eventId, deviceId, details }: Opening,
): SQL => {
  const { now } = ctx;
  const event = {
    id: eventId,
    type: 'session.opened',
    actor: sql`new_session.user_id`,
    subject: sql`new_session.user_id`,
    ...(details && { details }),
  } as const;
  const recipient = sql`
    select owner.id as user_id, owner.email as recipient
    from device join users owner on owner.id = device.user_id where device.is_told`;
  return sql`
    with new_session as (
      insert into sessions ${sessionColumns}
      select ${session.id}::uuid, owner.id, ${session.scope}, ${now}::timestamptz, ${now}::timestamptz,
        ${session.expiresAt}::timestamptz, ${session.absoluteExpiresAt}::timestamptz, ${sessionOrigin(ctx)}
      from (
        select account.id from users account where ${condition} and account.disabled_at is null
        for no key update of account) owner
      returning user_id
    ), device as (
      ${judgeDevice(ctx, sql`new_session`)}
    ), remembered_device as (
      ${rememberDevice(ctx, deviceId, sql`device`)}
    ), surplus as (
      ${closeSurplus(ctx, session.maxPerAccount, sql`new_session`)}
    ), new_mail as (
      ${insertMail(ctx, 'new_sign_in', outboxId, recipient, originDetails(ctx))}
    ), audited as (
      ${insertAudit(ctx, event)} from new_session
    )
    select ${accountColumnsOf(sql`account`)}, device.is_told as is_device_told,
      ${changedAccounts(sql`select surplus.user_id from surplus where surplus.revoked_reason = 'session_limit'`)}
    from device join users account on account.id = device.user_id`;
};

export type Replacement = {
  /** The id of the new session. */
  readonly id: string;
  readonly policy: SessionPolicy;
  /** Yields the account as `id` if its session is to be replaced, and nothing if not. */
  readonly account: SQL;
  /** Why the old session ends. */
  readonly reason: 'password_changed';
  /** The instant of the change. A session that it ended is known by it (docs/adr/0032). */
  readonly at: Date;
  /** Whether the actor's own session ends, or all sessions of the account. */
  readonly ends: 'own' | 'all';
};

/**
 * The expressions `replaced` and `ended`, for a statement that has the gate: the actor continues in a new session,
 * and the old one ends. Every statement that changes a credential or raises what a session has proved uses it, so
 * that a stolen token of the old session gains nothing, not even the refresh token one step behind.
 */
export const replaceSession = (
  ctx: RequestContext,
  { id, policy, account, reason, at: now, ends }: Replacement,
): SQL => {
  return sql`
    replaced as (
      insert into sessions ${sessionColumns}
      select ${id}::uuid, held.user_id, held.scope, ${now}::timestamptz, ${now}::timestamptz,
        least(${secondsAfter(now, policy.refreshTtlSeconds)}::timestamptz, held.absolute_expires_at),
        held.absolute_expires_at, ${sessionOrigin(ctx)}
      from (${account}) account
      join gate on gate.user_id = account.id
      join sessions held on held.id = gate.session_id
      returning id as session_id, scope, refresh_counter, expires_at
    ), ended as (
      update sessions set revoked_at = ${now}, revoked_reason = ${reason}
      from (${account}) account, gate
      where sessions.user_id = account.id and sessions.revoked_at is null
        ${ends === 'own' ? sql`and sessions.id = gate.session_id` : sql``}
    )`;
};
