import * as z from 'zod';
import { Id, Instant } from '../platform/schema/text.ts';
import type { SentMail } from './rules/outbox.ts';

export const MailboxItem = z
  .object({
    id: Id,
    to: z.string(),
    subject: z.string(),
    text: z.string(),
    html: z.string(),
    sent_at: Instant,
  })
  .meta({ id: 'CapturedMail' });

export const MailboxList = z.object({ items: z.array(MailboxItem) });

export const mailboxResponse = (mails: readonly SentMail[]): z.infer<typeof MailboxList> => ({
  items: mails.map(({ id, to, subject, text, html, sentAt }) => ({
    id,
    to,
    subject,
    text,
    html,
    sent_at: sentAt.toISOString(),
  })),
});
