import * as z from 'zod';
import { PageQuery } from '../platform/schema/page.ts';
import { Id, Instant } from '../platform/schema/text.ts';
import { type AuditEvent as AuditEventRecord, auditEventTypeNames } from './rules.ts';

export const AuditQuery = PageQuery.extend({
  user_id: Id.optional().meta({
    description: 'events about that account, and events of its actions on other accounts',
  }),
  type: z.enum(auditEventTypeNames).optional(),
});

export const AuditEvent = z
  .object({
    id: Id,
    type: z.string(),
    actor_id: Id.nullable().meta({ description: 'the account that acted; null where it is unknown' }),
    subject_id: Id.nullable().meta({ description: 'the account that the event is about' }),
    created_at: Instant,
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    request_id: z.string(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEvent' });

export const auditEventResponse = (event: AuditEventRecord): z.infer<typeof AuditEvent> => ({
  id: event.id,
  type: event.type,
  actor_id: event.actorId,
  subject_id: event.subjectId,
  created_at: event.createdAt.toISOString(),
  ip: event.ip,
  user_agent: event.userAgent,
  request_id: event.requestId,
  details: { ...event.details },
});

export const AuditList = z.object({ items: z.array(AuditEvent), next_cursor: Id.nullable() });
