import { type SQL, sql } from 'drizzle-orm';
import {
  type AccountRow,
  accountColumnsOf,
  type SessionRow,
  toAccount,
  toSession,
} from '../../accounts/sql/account-rows.ts';
import type { AuditEventType } from '../../audit/rules.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { endedWithSessions } from '../../emails/rules.ts';
import { voidFreeTokens } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import { deviceNetworkOf } from '../../platform/db/schema.ts';
import { recognizeDevice } from '../rules/device.ts';
import {
  lateWindowSeconds,
  maxLateSteps,
  type RefreshClaim,
  type RefreshOutcome,
  type SessionPolicy,
  secondsAfter,
} from '../rules/session.ts';
import { changedAccounts } from './changed-accounts.ts';
import type { StatementParts } from './gate.ts';
import { isOver } from './session-rows.ts';

/** `rotated` and `repeated` are the same to the caller. */
type RefreshRow = AccountRow &
  SessionRow & { kind: Exclude<RefreshOutcome['kind'], 'refreshed'> | 'rotated' | 'repeated' };

/** Whether a refresh token one step behind is still answered: a racing tab sent it, or a reply was lost. */
export const isForgiven = (
  session: SQL,
  counter: number,
  { reuseGraceSeconds }: SessionPolicy,
  now: Date,
): SQL => sql`(
  ${session}.refresh_counter = ${counter + 1}
  and ${session}.refreshed_at >= ${secondsAfter(now, -reuseGraceSeconds)})`;

/** When the session's late requests of the last day were answered. */
const lateAnswers = (session: SQL, now: Date): SQL => sql`
  select answered_at from unnest(${session}.late_answered_at) answered_at
  where answered_at > ${secondsAfter(now, -lateWindowSeconds)}::timestamptz`;

/** How many steps in a row have a late answer, once the token with that counter gets one. */
const lateStepsWith = (session: SQL, counter: number): SQL => sql`(
  case ${session}.late_counter
    when ${counter}::int then ${session}.late_steps
    when ${counter - 1}::int then ${session}.late_steps + 1
    else 1 end)`;

/** Whether no other network has been answered within the grace for a day. */
const isUnshared = (session: SQL, now: Date): SQL =>
  sql`coalesce(${session}.shared_at < ${secondsAfter(now, -lateWindowSeconds)}, true)`;

/**
 * Whether the token one step behind is answered after the grace: a phone has lost the answer, and asks again when it is
 * awake. Only the device that lost it, as far as a User-Agent can tell, only while the successor has not been
 * presented, and only so often: a thief with a copy would live beside the owner otherwise (docs/adr/0003).
 */
const isLate = (
  session: SQL,
  { counter }: RefreshClaim,
  { lateMax }: SessionPolicy,
  { now, device }: { readonly now: Date; readonly device: string | null },
): SQL => sql`(
  ${session}.refresh_counter = ${counter + 1} and ${session}.late_device = ${device}::text
  and ${isUnshared(session, now)}
  and (select count(*) from (${lateAnswers(session, now)}) answer) < ${lateMax}::int
  and ${lateStepsWith(session, counter)} <= ${maxLateSteps})`;

/** Whether it was answered late a moment ago: the tabs of a browser that wakes up ask at once, and are one request. */
const isLateAgain = (
  session: SQL,
  { counter }: RefreshClaim,
  { reuseGraceSeconds }: SessionPolicy,
  { now, device }: { readonly now: Date; readonly device: string | null },
): SQL => sql`(
  ${session}.refresh_counter = ${counter + 1} and ${session}.late_counter = ${counter}
  and ${session}.late_device = ${device}::text
  and ${session}.late_answered_at[cardinality(${session}.late_answered_at)]
    >= ${secondsAfter(now, -reuseGraceSeconds)})`;

/**
 * One step of refresh-token rotation, decided by one statement: parallel calls queue on the row's lock, and each sees
 * what the one before has left. A current token advances the counter. A token one step behind, within the grace or
 * late, gets the current successor; if another network sends it within the grace, that is audited and bars late answers
 * for a day. An older one ends the session, and the tokens that it may have asked for (RFC 9700 section 4.14.2).
 */
export const createRefresh =
  ({ db, newId, verifiedOnly }: Pick<StatementParts, 'db' | 'newId' | 'verifiedOnly'>) =>
  async (ctx: RequestContext, claim: RefreshClaim, policy: SessionPolicy): Promise<RefreshOutcome> => {
    const { now } = ctx;
    const device = recognizeDevice(ctx.userAgent);
    const held = sql`held`;
    const audit = (type: AuditEventType, session: SQL) => sql`
    ${insertAudit(ctx, {
      id: newId(now),
      type,
      actor: noOne,
      subject: sql`${session}.user_id`,
      details: sql`jsonb_build_object('session_id', ${session}.id)`,
    })} from ${session}`;
    const [row] = await db.execute<RefreshRow>(
      ctx,
      sql`
    with held as (
      select session.* from sessions session where session.id = ${claim.sessionId} for no key update
    ), verdict as (
      select held.id, case
        when account.disabled_at is not null then 'disabled'
        when held.revoked_at is null and account.email_verified_at is null and ${verifiedOnly}::boolean
          then 'unverified'
        when held.revoked_reason is null and held.expires_at <= ${now} then 'expired'
        when held.refresh_counter < ${claim.counter} then 'unknown'
        when ${isOver(held, now)} then 'revoked'
        when held.refresh_counter = ${claim.counter} then 'rotated'
        when ${isForgiven(held, claim.counter, policy, now)} then 'repeated'
        when ${isLateAgain(held, claim, policy, { now, device })} then 'repeated'
        when ${isLate(held, claim, policy, { now, device })} then 'late'
        else 'reused' end as kind
      from held join users account on account.id = held.user_id
    ), rotated as (
      update sessions session set refresh_counter = session.refresh_counter + 1, refreshed_at = ${now},
        expires_at = least(${secondsAfter(now, policy.refreshTtlSeconds)}::timestamptz, session.absolute_expires_at),
        late_device = ${device}::text, refreshed_ip = ${ctx.ip}::inet
      from verdict where session.id = verdict.id and verdict.kind = 'rotated'
      returning session.id, session.refresh_counter, session.expires_at
    ), shared as (
      update sessions session set shared_at = ${now}
      from verdict where session.id = verdict.id and verdict.kind = 'repeated'
        and ${deviceNetworkOf(sql`coalesce(session.refreshed_ip, session.ip)`)}
          is distinct from ${deviceNetworkOf(sql`${ctx.ip}::inet`)}
      returning session.id, session.user_id
    ), late as (
      update sessions session set
        late_answered_at = array(${lateAnswers(sql`session`, now)}) || ${now}::timestamptz,
        late_steps = ${lateStepsWith(sql`session`, claim.counter)}, late_counter = ${claim.counter}
      from verdict where session.id = verdict.id and verdict.kind = 'late'
      returning session.id, session.user_id
    ), reused as (
      update sessions session set revoked_at = ${now}, revoked_reason = 'refresh_reuse'
      from verdict where session.id = verdict.id and verdict.kind = 'reused'
      returning session.id, session.user_id
    ), exposed_account as (
      select reused.user_id as id from reused
    ), voided_tokens as (
      ${voidFreeTokens(ctx, endedWithSessions, sql`exposed_account`)}
    ), first_shared as (
      select shared.* from shared join held on held.id = shared.id where ${isUnshared(held, now)}
    ), audited_shared as (
      ${audit('session.refresh_shared', sql`first_shared`)}
    ), audited_late as (
      ${audit('session.refresh_late', sql`late`)}
    ), audited_reuse as (
      ${audit('session.refresh_reused', sql`reused`)}
    )
    select verdict.kind, held.id as session_id, held.scope,
      coalesce(rotated.refresh_counter, held.refresh_counter) as refresh_counter,
      coalesce(rotated.expires_at, held.expires_at) as expires_at,
      ${accountColumnsOf(sql`account`)}, ${changedAccounts(sql`select reused.user_id from reused`)}
    from held join verdict on verdict.id = held.id join users account on account.id = held.user_id
      left join rotated on rotated.id = held.id`,
    );
    if (!row) return { kind: 'unknown' };
    const { kind } = row;
    switch (kind) {
      case 'rotated':
      case 'repeated':
        return { kind: 'refreshed', session: toSession(row), account: toAccount(row) };
      case 'late':
        return { kind, session: toSession(row), account: toAccount(row) };
      default:
        return { kind };
    }
  };
