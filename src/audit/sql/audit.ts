import { type SQL, sql } from 'drizzle-orm';
import type { LockedBy } from '../../login-guard/rules/login-ledger.ts';
import type { PermittedContext, RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { Slice } from '../../platform/rules/page.ts';
import { firstIdAt } from '../../platform/rules/uuid-v7.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { type Gate, refusalOf } from '../../sessions/sql/gate.ts';
import type { AuditEvent, AuditEventType, AuditFilter } from '../rules.ts';
import { type AuditRow, auditEventColumns, insertAudit, noOne, toAuditEvent } from './audit-rows.ts';

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type AuditRepository = ReturnType<typeof createAuditRepository>;

export const createAuditRepository = (db: Database, { newId, gate }: Options) => ({
  /** Events that fit the filter, newest first; `after` is the id of the last one seen. */
  list: async (
    ctx: PermittedContext,
    { userId, type }: AuditFilter,
    { after, limit }: Slice,
  ): Promise<{ refusal: Refusal; events: AuditEvent[] }> => {
    const isOfType = sql`e.type = ${type}`;
    // What one account does is mostly of a few types, which the planner cannot know: from the type it would conclude
    // that there is little, fetch all and sort it. In a CASE it tells nothing, so that rows are read in their order.
    const ofType = userId === null ? isOfType : sql`case when ${isOfType} then true else false end`;
    const rest: SQL = sql`
      ${after === null ? sql`` : sql`and e.id < ${after}::uuid`} ${type === null ? sql`` : sql`and ${ofType}`}
      order by e.id desc limit ${limit}`;
    const events = (condition: SQL) => sql`(select e.* from audit_events e where ${condition} ${rest})`;
    const found =
      userId === null
        ? events(sql`true`)
        : sql`${events(sql`e.subject_id = ${userId}::uuid`)} union all
              ${events(sql`e.actor_id = ${userId}::uuid and e.actor_id is distinct from e.subject_id`)}`;
    const rows = await db.execute<AuditRow & { refusal: Refusal }>(
      ctx,
      sql`
        with ${gate.permitted(ctx)}
        select gate.refusal, ${auditEventColumns} from gate
        left join lateral (select * from (${found}) f order by f.id desc limit ${limit}) e on gate.refusal is null
        order by e.id desc`,
    );
    return {
      refusal: refusalOf(rows[0]),
      events: rows.filter(({ id }) => id !== null).map(toAuditEvent),
    };
  },

  /** A wrong password; `subjectId` is null where there is no such account. What was typed is kept nowhere. */
  recordFailedLogin: async (
    ctx: RequestContext,
    { subjectId, lockedBy }: { subjectId: string | null; lockedBy: LockedBy | null },
  ): Promise<void> => {
    const event = (type: AuditEventType, details: SQL) =>
      insertAudit(ctx, {
        id: newId(ctx.now),
        type,
        // Known where somebody is logged in, and is asked for the password once more.
        actor: sql`${ctx.actor?.userId ?? null}::uuid`,
        subject: sql`${subjectId}::uuid`,
        details,
      });
    const locked = sql`, locked as (${event('login.locked', sql`jsonb_build_object('by', ${lockedBy}::text)`)})`;
    await db.execute(
      ctx,
      sql`with failed as (${event('login.failed', sql`'{}'::jsonb`)}) ${lockedBy === null ? sql`` : locked} select true`,
    );
  },

  /** That the service refused to start, once an hour and set of variables however many isolates say so. */
  recordRefusedConfiguration: async (ctx: RequestContext, variables: readonly string[]): Promise<void> => {
    const details = sql`jsonb_build_object('variables', ${sql.param(variables)}::text[])`;
    const hourAgo = firstIdAt(secondsAfter(ctx.now, -3600));
    await db.execute(
      ctx,
      sql`
        ${insertAudit(ctx, { id: newId(ctx.now), type: 'configuration.refused', actor: noOne, subject: noOne, details })}
        from (select ${details} as details) this
        where not exists (select from audit_events e
                          where e.type = 'configuration.refused' and e.id > ${hourAgo}::uuid and e.details = this.details)`,
    );
  },
});
