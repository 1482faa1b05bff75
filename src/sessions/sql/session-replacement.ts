import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import { type SessionPolicy, secondsAfter } from '../rules/session.ts';

export type Replacement = {
  /** Of the new session. */
  readonly id: string;
  readonly policy: SessionPolicy;
  /** Yields the account as `id` if its session is to be replaced, and nothing if not. */
  readonly account: SQL;
  /** Why the old session ends. */
  readonly reason: 'password_changed';
  /** Which sessions end: the actor's own, or all that the account has. */
  readonly ends: 'own' | 'all';
};

/**
 * The expressions `replaced` and `ended`, for a statement that has the gate: the actor goes on in a new session, and
 * the old one ends. For every statement that changes a credential or raises what a session has proved: whoever holds a
 * token of the old session, the refresh token one step behind included, gains nothing by it.
 */
export const replaceSession = (
  ctx: RequestContext,
  { id, policy, account, reason, ends }: Replacement,
): SQL => {
  const { now, ip, userAgent } = ctx;
  return sql`
    replaced as (
      insert into sessions (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
      select ${id}::uuid, s.user_id, s.scope, ${now}::timestamptz, ${now}::timestamptz,
        least(${secondsAfter(now, policy.refreshTtlSeconds)}::timestamptz, s.absolute_expires_at), s.absolute_expires_at,
        ${ip}::inet, ${userAgent}::text
      from (${account}) account join gate on gate.user_id = account.id join sessions s on s.id = gate.session_id
      returning id as session_id, scope, refresh_counter, expires_at
    ), ended as (
      update sessions s set revoked_at = ${now}, revoked_reason = ${reason}
      from (${account}) account, gate
      where s.user_id = account.id and s.revoked_at is null ${ends === 'own' ? sql`and s.id = gate.session_id` : sql``}
    )`;
};
