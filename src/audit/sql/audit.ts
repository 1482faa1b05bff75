import { type SQL, sql } from 'drizzle-orm';
import type { LockedBy } from '../../login-guard/rules/login-ledger.ts';
import type { PermittedContext, RequestContext } from '../../platform/context.ts';
import type { Refusal } from '../../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import { firstIdAt } from '../../platform/rules/uuid-v7.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { passed, type StatementParts } from '../../sessions/sql/gate.ts';
import type { AuditEvent, AuditEventType, AuditFilter } from '../rules.ts';
import { type AuditRow, auditEventColumns, insertAudit, noOne, toAuditEvent } from './audit-rows.ts';

export const createAuditSql = ({ db, gate, newId }: Pick<StatementParts, 'db' | 'gate' | 'newId'>) => ({
  /** A page of audit events, newest first. @throws AppError `forbidden` and what ends a session */
  list: async (
    ctx: PermittedContext,
    { userId, type }: AuditFilter,
    { cursor, limit }: PageRequest,
  ): Promise<Page<AuditEvent>> => {
    const isOfType = sql`event.type = ${type}`;
    // Most events of one account have few types, which the planner cannot know: by the type it would expect few rows,
    // read all of them and sort. It cannot look into a CASE, so it reads the rows in their order.
    const ofType = userId === null ? isOfType : sql`case when ${isOfType} then true else false end`;
    const events = (condition: SQL) => sql`
      (select event.* from audit_events event
       where ${condition}
         ${cursor === null ? sql`` : sql`and event.id < ${cursor}::uuid`}
         ${type === null ? sql`` : sql`and ${ofType}`}
       order by event.id desc limit ${limit + 1})`;
    const found =
      userId === null
        ? events(sql`true`)
        : sql`
          ${events(sql`event.subject_id = ${userId}::uuid`)}
          union all
          ${events(sql`event.actor_id = ${userId}::uuid and event.actor_id is distinct from event.subject_id`)}`;
    const rows = await db.execute<AuditRow & { refusal: Refusal }>(
      ctx,
      sql`
        with ${gate.permitted(ctx)}
        select gate.refusal, ${auditEventColumns(sql`listed_event`)}
        from gate left join lateral (
          select * from (${found}) found order by found.id desc limit ${limit + 1}
        ) listed_event on gate.refusal is null
        order by listed_event.id desc`,
    );
    passed(rows[0]);
    return pageOf(rows.filter(({ id }) => id !== null).map(toAuditEvent), limit, ({ id }) => id);
  },

  /** Records a wrong password, and never what was typed; `subjectId` is null where no account was found. */
  recordFailedLogin: async (
    ctx: RequestContext,
    { subjectId, lockedBy }: { subjectId: string | null; lockedBy: LockedBy | null },
  ): Promise<void> => {
    const event = (type: AuditEventType, details: SQL) =>
      insertAudit(ctx, {
        id: newId(ctx.now),
        type,
        // Known where a logged-in person is asked for the password again.
        actor: sql`${ctx.actor?.userId ?? null}::uuid`,
        subject: sql`${subjectId}::uuid`,
        details,
      });
    const locked = sql`, locked as (${event('login.locked', sql`jsonb_build_object('by', ${lockedBy}::text)`)})`;
    await db.execute(
      ctx,
      sql`
        with failed as (${event('login.failed', sql`'{}'::jsonb`)})${lockedBy === null ? sql`` : locked}
        select true`,
    );
  },
});

/**
 * Records that the service refused its configuration: once an hour for each set of variables, however many isolates
 * report it.
 */
export const recordRefusedConfiguration = async (
  { db, newId }: Pick<StatementParts, 'db' | 'newId'>,
  ctx: RequestContext,
  variables: readonly string[],
): Promise<void> => {
  const details = sql`jsonb_build_object('variables', ${sql.param(variables)}::text[])`;
  const event = {
    id: newId(ctx.now),
    type: 'configuration.refused',
    actor: noOne,
    subject: noOne,
    details,
  } as const;
  const anHourAgo = firstIdAt(secondsAfter(ctx.now, -3600));
  await db.execute(
    ctx,
    sql`
      ${insertAudit(ctx, event)}
      from (select ${details} as details) refused
      where not exists (
        select from audit_events earlier
        where earlier.type = 'configuration.refused' and earlier.id > ${anHourAgo}::uuid
          and earlier.details = refused.details)`,
  );
};
