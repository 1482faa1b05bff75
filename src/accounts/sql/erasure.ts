import { type SQL, sql } from 'drizzle-orm';
import { isUndoOf } from '../../emails/sql/undo-tokens.ts';
import { insertMail, newMailIds } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database, QueryScope } from '../../platform/db/client.ts';
import { erasureBatch } from '../../retention/rules.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { settlingSeconds } from '../rules/erasure.ts';

/**
 * The ids of events that still say where an account's owner was: at most `limit` of what happened to the account by the
 * owner or by nobody known, and at most `limit` of what the owner did to others.
 */
const personalEventsOf = (accountId: SQL, limit: SQL): SQL => {
  const isPersonal = sql`(event.ip is not null or event.user_agent is not null or event.request_id <> 'erased')`;
  return sql`
    (select event.id from audit_events event
     where event.subject_id = ${accountId} and (event.actor_id is null or event.actor_id = ${accountId})
       and ${isPersonal} limit ${limit})
    union all
    (select event.id from audit_events event
     where event.actor_id = ${accountId} and event.actor_id is distinct from event.subject_id
       and ${isPersonal} limit ${limit})`;
};

/** Removes the address, the device and the request id, which a client chooses, from the events that `ids` yields. */
const anonymize = (ids: SQL): SQL =>
  sql`update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (${ids})`;

/** The addresses that the erased account has left, and could still come back to. */
const formerAddresses = (ctx: RequestContext): SQL => sql`
  select distinct null::uuid as user_id, undo.email as recipient
  from erased join one_time_tokens undo on undo.user_id = erased.id
  where ${isUndoOf(ctx, sql`undo`, sql`undo.email`)} and undo.email is distinct from erased.email`;

/**
 * Deletes the account that `from` yields as `id` and `email`, as the expression `erased`. Its identities, roles, tokens
 * and unsent mails go with its row. Its sessions go, and its audit events lose what is personal: at most one batch of
 * each, and a row in `erasures` makes the purge finish the rest, with what is written at the same moment.
 *
 * With an outbox id, mails tell its address and every address that it could come back to: a thief may have deleted it.
 */
export const eraseAccount = (ctx: RequestContext, outboxId: string | null, from: SQL): SQL => {
  const present = sql`select null::uuid as user_id, erased.email as recipient from erased`;
  const isFormer = sql`'{"is_former": true}'::jsonb`;
  const isProved = sql`true`;
  const mails =
    outboxId === null
      ? sql``
      : sql`, told as (
    ${insertMail(ctx, 'account_deleted', outboxId, present)}
  ), told_before as (
    ${insertMail(ctx, 'account_deleted', newMailIds(ctx), formerAddresses(ctx), isFormer, isProved)}
  )`;
  return sql`
  erased as (
    delete from users where users.id = (select doomed.id from (${from}) doomed)
    returning users.id, users.email
  ), pending_erasure as (
    insert into erasures (account_id, created_at) select erased.id, ${ctx.now}::timestamptz from erased
    on conflict do nothing
  ), deleted_sessions as (
    delete from sessions where id in (
      select one.id from erased, lateral (
        select session.id from sessions session where session.user_id = erased.id limit ${erasureBatch}) one)
  ), anonymized_events as (
    ${anonymize(sql`
      select one.id from erased, lateral (${personalEventsOf(sql`erased.id`, sql`${erasureBatch}`)}) one
      limit ${erasureBatch}`)}
  )${mails}`;
};

/** How many erasures, and how many of the newest deletions, one step looks at. */
const maxErasures = 20;
const maxDeletions = 1_000;

export const createErasureSql = ({ db }: { readonly db: Database }) => ({
  /**
   * Erases what is left of deleted accounts, oldest first: at most `limit` sessions and `limit` events. An erasure with
   * nothing left is done. @returns the number of rows of each
   */
  step: async (
    scope: QueryScope,
    { now, limit }: { readonly now: Date; readonly limit: number },
  ): Promise<{ sessions: number; events: number; done: number }> => {
    const most = sql`${limit}`;
    const settled = sql`${secondsAfter(now, -settlingSeconds)}::timestamptz`;
    const [row] = await db.execute<{ sessions: number; events: number; done: number }>(
      scope,
      sql`
        with due as (
          -- Erasures that only wait for time to pass must not hold up the others.
          select pending.account_id, pending.created_at from erasures pending
          where pending.created_at <= ${settled}
            or exists (select from sessions session where session.user_id = pending.account_id)
            or exists (${personalEventsOf(sql`pending.account_id`, sql`1`)})
          order by pending.created_at, pending.account_id limit ${maxErasures}
        ), deleted_sessions as (
          delete from sessions where id in (
            select one.id from due, lateral (
              select session.id from sessions session where session.user_id = due.account_id limit ${most}) one
            limit ${most})
          returning user_id
        ), anonymized_events as (
          ${anonymize(sql`
            select one.id from due, lateral (${personalEventsOf(sql`due.account_id`, most)}) one limit ${most}`)}
          returning id
        ), done as (
          delete from erasures pending using due
          where pending.account_id = due.account_id and due.created_at <= ${settled}
            and not exists (select from deleted_sessions) and not exists (select from anonymized_events)
          returning pending.account_id
        )
        select (select count(*)::int from deleted_sessions) as sessions,
          (select count(*)::int from anonymized_events) as events, (select count(*)::int from done) as done`,
    );
    return row ?? { sessions: 0, events: 0, done: 0 };
  },

  /**
   * Adds erasures for the newest deletions that left sessions behind: an older version, which relied on a foreign key,
   * deletes an account without its sessions.
   */
  findForgotten: async (scope: QueryScope, now: Date): Promise<number> => {
    const rows = await db.execute(
      scope,
      sql`
        insert into erasures (account_id, created_at)
        select distinct deletion.account_id, ${now}::timestamptz from (
          select event.subject_id as account_id from audit_events event where event.type = 'account.deleted'
          order by event.id desc limit ${maxDeletions}
        ) deletion
        where exists (select from sessions session where session.user_id = deletion.account_id)
        on conflict do nothing
        returning true`,
    );
    return rows.length;
  },
});
