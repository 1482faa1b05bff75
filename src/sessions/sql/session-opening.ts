import { type SQL, sql } from 'drizzle-orm';
import { type AccountRow, accountColumns } from '../../accounts/sql/account-rows.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { insertMail, originDetails } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import { endedByLimit, type NewSession } from '../rules/session.ts';
import { isOver, sessionsFromNetwork } from './session-rows.ts';

export type Opening = {
  readonly session: NewSession;
  /** Of the mail about a new device. */
  readonly outboxId: string;
  /** Of the audit event. */
  readonly eventId: string;
  readonly details?: SQL;
};

export type OpenedRow = AccountRow & { is_new_device: boolean };

/**
 * The expression `surplus`: ends the oldest live sessions of the account of `o` that are too many beside the new one.
 * Those that have expired are closed on the way, as of their expiry, so that the index of the live ones stays short.
 */
const closeSurplus = ({ now }: RequestContext, maxPerAccount: number): SQL => sql`
  surplus as (
    update sessions s set revoked_at = least(s.expires_at, ${now}::timestamptz),
      revoked_reason = case when not l.is_over then 'session_limit' end
    from (
      select l.id, l.is_over, count(*) filter (where not l.is_over) over (order by l.id desc) as place
      from o, lateral (
        select l.id, ${isOver(sql`l`, now)} as is_over from sessions l
        where l.user_id = o.user_id and l.revoked_at is null order by l.id desc limit ${maxPerAccount - 1 + endedByLimit}
      ) l
    ) l
    where s.id = l.id and s.revoked_at is null and (l.is_over or l.place >= ${maxPerAccount})
  )`;

/**
 * Opens a session for the account `u` of which the condition is true, if it is not disabled, and writes a mail where
 * the user agent or the network is new to an account that has had sessions. No row where there is no such account.
 *
 * The account's lock makes it wait for whoever is about to end its sessions, and looks again: else a login whose hash was
 * under way would outlive a new password. Lock the account in a statement before this one, so that parallel logins
 * count each other; what is read of its sessions is bounded, however many it has (docs/adr/0018).
 */
export const openSession = (
  ctx: RequestContext,
  condition: SQL,
  { session, outboxId, eventId, details }: Opening,
): SQL => {
  const { now, ip, userAgent } = ctx;
  const address = sql`${ip}::inet`;
  const event = {
    id: eventId,
    type: 'session.opened',
    actor: sql`o.user_id`,
    subject: sql`o.user_id`,
    ...(details && { details }),
  } as const;
  return sql`
    with o as (
      insert into sessions (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
      select ${session.id}::uuid, u.id, ${session.scope}, ${now}::timestamptz, ${now}::timestamptz,
             ${session.expiresAt}::timestamptz, ${session.absoluteExpiresAt}::timestamptz, ${address}, ${userAgent}
      from (select u.id from users u where ${condition} and u.disabled_at is null for no key update of u) u
      returning user_id
    ), device as (
      select exists (select from sessions before where before.user_id = o.user_id)
        and not exists (
          select from (${sessionsFromNetwork(sql`o.user_id`, address)}) known
          where known.user_agent is not distinct from ${userAgent}::text) as is_new
      from o
    ), ${closeSurplus(ctx, session.maxPerAccount)}, told as (
      ${insertMail(ctx, 'new_sign_in', outboxId, sql`select u.id as user_id, u.email as recipient from o join users u on u.id = o.user_id, device where device.is_new`, originDetails(ctx))}
    ), audited as (
      ${insertAudit(ctx, event)} from o
    )
    select ${accountColumns}, device.is_new as is_new_device from o join users u on u.id = o.user_id, device`;
};
