import * as z from 'zod';
import { Id, Instant } from '../../platform/schema/text.ts';
import type { SessionSummary } from '../rules/session.ts';

export const SessionParams = z.strictObject({ id: Id });

export const SessionItem = z
  .object({
    id: Id,
    created_at: Instant,
    last_used_at: Instant.meta({ description: 'the login or the last refresh' }),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    current: z.boolean(),
  })
  .meta({ id: 'Session' });

export const SessionList = z.object({ items: z.array(SessionItem), next_cursor: Id.nullable() });

export const sessionResponse = (session: SessionSummary): z.infer<typeof SessionItem> => ({
  id: session.id,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  ip: session.ip,
  user_agent: session.userAgent,
  current: session.current,
});
