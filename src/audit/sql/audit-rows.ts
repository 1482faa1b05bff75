import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import type { AuditEvent, AuditEventType } from '../rules.ts';

export type NewAuditEvent = {
  readonly id: string;
  readonly type: AuditEventType;
  /** Expressions over the rows that follow `insertAudit`. */
  readonly actor: SQL;
  readonly subject: SQL;
  readonly details?: SQL;
};

/** Where an event comes from: a request, or a job, which has no address and no device. */
export type AuditScope = Pick<RequestContext, 'now' | 'ip' | 'userAgent' | 'requestId'>;

/** Inserts an audit event for each row of the `from` that follows: `${insertAudit(ctx, event)} from changed_user`. */
export const insertAudit = (ctx: AuditScope, event: NewAuditEvent): SQL => sql`
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select ${event.id}::uuid, ${event.type}, ${event.actor}, ${event.subject}, ${ctx.now}::timestamptz,
    ${ctx.ip}::inet, ${ctx.userAgent}, ${ctx.requestId}, ${event.details ?? sql`'{}'::jsonb`}`;

/** The actor or the subject of an event that has none. */
export const noOne: SQL = sql`null::uuid`;

export type AuditRow = {
  id: string;
  type: string;
  actor_id: string | null;
  subject_id: string | null;
  created_at: Date;
  ip: string | null;
  user_agent: string | null;
  request_id: string;
  details: Record<string, unknown>;
};

/** The columns of an `AuditRow`. */
export const auditEventColumns = (event: SQL): SQL => sql`
  ${event}.id, ${event}.type, ${event}.actor_id, ${event}.subject_id, ${event}.created_at, host(${event}.ip) as ip,
  ${event}.user_agent, ${event}.request_id, ${event}.details`;

export const toAuditEvent = (row: AuditRow): AuditEvent => ({
  id: row.id,
  type: row.type,
  actorId: row.actor_id,
  subjectId: row.subject_id,
  createdAt: row.created_at,
  ip: row.ip,
  userAgent: row.user_agent,
  requestId: row.request_id,
  details: row.details,
});
