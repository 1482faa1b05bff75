import * as z from 'zod';
import type { AccountExport as AccountExportRecord } from '../domain/account-export.ts';
import { AuditEvent, auditEventResponse } from './audit.ts';
import { pageResponse } from './page.ts';
import { Id, Instant } from './text.ts';
import { User, userResponse } from './users.ts';

/** An event as the account's owner may see it: who else was at work, and where from, is theirs to keep. */
const OwnEvent = AuditEvent.omit({ actor_id: true, subject_id: true }).extend({
  by: z.enum(['you', 'administrator', 'unknown']),
});

export const AccountExport = z
  .object({
    exported_at: Instant,
    account: User,
    sessions: z.array(
      z.object({
        id: Id,
        created_at: Instant,
        last_used_at: Instant,
        expires_at: Instant,
        revoked_at: Instant.nullable(),
        ip: z.string().nullable(),
        user_agent: z.string().nullable(),
      }),
    ),
    events: z.object({ items: z.array(OwnEvent), next_cursor: Id.nullable() }),
  })
  .meta({ id: 'AccountExport' });

const ownEventResponse = (
  event: AccountExportRecord['events']['items'][number],
): z.infer<typeof OwnEvent> => {
  const { actor_id: actor, subject_id: subject, ip, user_agent, ...rest } = auditEventResponse(event);
  if (actor !== null && actor !== subject)
    return { ...rest, by: 'administrator', ip: null, user_agent: null };
  return { ...rest, by: actor === null ? 'unknown' : 'you', ip, user_agent };
};

export const accountExportResponse = (own: AccountExportRecord): z.infer<typeof AccountExport> => ({
  exported_at: own.exportedAt.toISOString(),
  account: userResponse(own.account),
  sessions: own.sessions.map((session) => ({
    id: session.id,
    created_at: session.createdAt.toISOString(),
    last_used_at: session.lastUsedAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    revoked_at: session.revokedAt?.toISOString() ?? null,
    ip: session.ip,
    user_agent: session.userAgent,
  })),
  events: pageResponse(own.events, ownEventResponse),
});
