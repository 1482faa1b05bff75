import * as z from 'zod';
import { AuditEvent, auditEventResponse } from '../../audit/schema.ts';
import { Id, Instant } from '../../platform/schema/text.ts';
import { UploadItem, uploadResponse } from '../../uploads/schema.ts';
import type { AccountExport as AccountExportRecord } from '../rules/account-export.ts';
import { User, userResponse } from './users.ts';

/** An event as the account's owner may see it: without the identity and the place of other people. */
const OwnEvent = AuditEvent.omit({ actor_id: true, subject_id: true }).extend({
  request_id: z.string().nullable(),
  by: z.enum(['you', 'administrator', 'unknown']),
});

export const AccountExport = z
  .object({
    exported_at: Instant,
    account: User,
    identities: z.array(
      z.object({
        issuer: z.string(),
        subject: z.string(),
        email: z.string().nullable(),
        vouched: z.boolean(),
        created_at: Instant,
        last_used_at: Instant,
      }),
    ),
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
    devices: z.array(
      z.object({
        device: z.string(),
        created_at: Instant,
        last_seen_at: Instant,
        told_at: Instant.nullable(),
      }),
    ),
    mails: z.array(
      z.object({
        recipient: z.string(),
        template: z.string(),
        created_at: Instant,
        sent_at: Instant.nullable(),
      }),
    ),
    tokens: z.array(
      z.object({
        purpose: z.string(),
        email: z.string(),
        created_at: Instant,
        expires_at: Instant,
        used_at: Instant.nullable(),
      }),
    ),
    uploads: z.array(UploadItem),
    events: z.array(OwnEvent),
    next_cursor: Id.nullable(),
  })
  .meta({ id: 'AccountExport' });

const ownEventResponse = (event: AccountExportRecord['events'][number]): z.infer<typeof OwnEvent> => {
  const { actor_id: actor, subject_id: subject, ip, user_agent, ...rest } = auditEventResponse(event);
  if (actor !== null && actor === subject) return { ...rest, by: 'you', ip, user_agent };
  const by = actor === null ? 'unknown' : 'administrator';
  return { ...rest, by, ip: null, user_agent: null, request_id: null };
};

export const accountExportResponse = (own: AccountExportRecord): z.infer<typeof AccountExport> => ({
  exported_at: own.exportedAt.toISOString(),
  account: userResponse(own.account),
  identities: own.identities.map(({ issuer, subject, email, vouched, createdAt, lastUsedAt }) => ({
    issuer,
    subject,
    email,
    vouched,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt.toISOString(),
  })),
  sessions: own.sessions.map((session) => ({
    id: session.id,
    created_at: session.createdAt.toISOString(),
    last_used_at: session.lastUsedAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    revoked_at: session.revokedAt?.toISOString() ?? null,
    ip: session.ip,
    user_agent: session.userAgent,
  })),
  devices: own.devices.map(({ device, createdAt, lastSeenAt, toldAt }) => ({
    device,
    created_at: createdAt.toISOString(),
    last_seen_at: lastSeenAt.toISOString(),
    told_at: toldAt?.toISOString() ?? null,
  })),
  mails: own.mails.map(({ recipient, template, createdAt, sentAt }) => ({
    recipient,
    template,
    created_at: createdAt.toISOString(),
    sent_at: sentAt?.toISOString() ?? null,
  })),
  tokens: own.tokens.map(({ purpose, email, createdAt, expiresAt, usedAt }) => ({
    purpose,
    email,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt.toISOString(),
    used_at: usedAt?.toISOString() ?? null,
  })),
  uploads: own.uploads.map(uploadResponse),
  events: own.events.map(ownEventResponse),
  next_cursor: own.nextCursor,
});
