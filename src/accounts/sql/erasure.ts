import { type SQL, sql } from 'drizzle-orm';
import { isUndoOf } from '../../emails/sql/undo-tokens.ts';
import { insertMail, newMailIds } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database, QueryScope } from '../../platform/db/client.ts';
import { erasureBatch } from '../../retention/rules.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';

/** The events of an account that still say where they came from, at most `limit`: of its own doing, and of its doing to others. */
const unforgotten = (userId: SQL, limit: SQL): SQL => {
  const isPersonal = sql`(e.ip is not null or e.user_agent is not null or e.request_id <> 'erased')`;
  return sql`
    (select e.id from audit_events e
     where e.subject_id = ${userId} and (e.actor_id is null or e.actor_id = ${userId}) and ${isPersonal} limit ${limit})
    union all
    (select e.id from audit_events e
     where e.actor_id = ${userId} and e.actor_id is distinct from e.subject_id and ${isPersonal} limit ${limit})`;
};

/** Takes the address, the device and the request id, which a client chooses, from the events that `ids` yields. */
const forget = (ids: SQL): SQL =>
  sql`update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (${ids})`;

/** The addresses that the account that is erased has left, and could still come back to. */
const formerAddresses = (ctx: RequestContext): SQL => sql`
  select distinct null::uuid as user_id, k.email as recipient from erased join one_time_tokens k on k.user_id = erased.id
  where ${isUndoOf(ctx, sql`k`, sql`k.email`)} and k.email is distinct from erased.email`;

/**
 * Deletes the account that `from` yields as `id` and `email`, as `erased`. Identities, roles, tokens and unsent mails go with its row.
 * Its sessions go, and its audit events stay without what was its owner's: of each as many as one statement should touch.
 * `erasures` has the purge look for the rest, and for what was written at the same moment.
 * Its address is told, and every address that it has left and could come back to: a thief may have deleted it. Without an
 * outbox id nobody is told.
 */
export const eraseAccount = (ctx: RequestContext, outboxId: string | null, from: SQL): SQL => sql`
  erased as (
    delete from users where users.id = (select doomed.id from (${from}) doomed)
    returning users.id, users.email
  ), pending as (
    insert into erasures (account_id, created_at) select erased.id, ${ctx.now}::timestamptz from erased
    on conflict do nothing
  ), sessions_gone as (
    delete from sessions where id in (
      select s.id from erased, lateral (select s.id from sessions s where s.user_id = erased.id limit ${erasureBatch}) s)
  ), forgotten as (
    ${forget(sql`select e.id from erased, lateral (${unforgotten(sql`erased.id`, sql`${erasureBatch}`)}) e limit ${erasureBatch}`)}
  )${
    outboxId === null
      ? sql``
      : sql`, told as (
    ${insertMail(ctx, 'account_deleted', outboxId, sql`select null::uuid as user_id, erased.email as recipient from erased`)}
  ), told_before as (
    ${insertMail(ctx, 'account_deleted', newMailIds(ctx), formerAddresses(ctx), sql`'{"is_former": true}'::jsonb`, sql`true`)}
  )`
  }`;

/** How long after a deletion a request that was under way may still write something about the account. */
const settlingSeconds = 120;
/** How many erasures, and how many of the newest deletions, one step looks at. */
const maxErasures = 20;
const maxDeletions = 1_000;

export type ErasureRepository = ReturnType<typeof createErasureRepository>;

export const createErasureRepository = (db: Database) => ({
  /**
   * Erases what is left of deleted accounts, oldest first: of sessions and of events at most `limit`. An erasure of
   * which nothing is left is done. @returns how many rows of each
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
          -- Those that wait for nothing but time must not keep the others waiting.
          select o.account_id, o.created_at from erasures o
          where o.created_at <= ${settled} or exists (select from sessions s where s.user_id = o.account_id)
            or exists (${unforgotten(sql`o.account_id`, sql`1`)})
          order by o.created_at, o.account_id limit ${maxErasures}
        ), sessions_gone as (
          delete from sessions where id in (
            select s.id from due, lateral (select s.id from sessions s where s.user_id = due.account_id limit ${most}) s
            limit ${most})
          returning user_id
        ), forgotten as (
          ${forget(sql`
            select e.id from due, lateral (${unforgotten(sql`due.account_id`, most)}) e limit ${most}`)}
          returning id
        ), done as (
          delete from erasures d using due
          where d.account_id = due.account_id and due.created_at <= ${settled}
            and not exists (select from sessions_gone) and not exists (select from forgotten)
          returning d.account_id
        )
        select (select count(*)::int from sessions_gone) as sessions, (select count(*)::int from forgotten) as events,
          (select count(*)::int from done) as done`,
    );
    return row ?? { sessions: 0, events: 0, done: 0 };
  },

  /**
   * Notes the newest deletions of which sessions are left: a version that relied on a foreign key deletes an account
   * and not its sessions.
   */
  findForgotten: async (scope: QueryScope, now: Date): Promise<number> => {
    const rows = await db.execute(
      scope,
      sql`
        insert into erasures (account_id, created_at)
        select distinct gone.user_id, ${now}::timestamptz from (
          select e.subject_id as user_id from audit_events e where e.type = 'account.deleted'
          order by e.id desc limit ${maxDeletions}
        ) gone
        where exists (select from sessions s where s.user_id = gone.user_id)
        on conflict do nothing
        returning true`,
    );
    return rows.length;
  },
});
