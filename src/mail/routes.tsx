import { accepts } from 'hono/accepts';
import { usePagePolicy } from '../platform/http/content-security-policy.ts';
import { route } from '../platform/http/route.ts';
import { Mailbox } from './pages.tsx';
import type { SentMail } from './rules/outbox.ts';
import type { Mail } from './service.ts';

const mailboxResponse = (mails: readonly SentMail[]) => ({
  items: mails.map(({ sentAt, ...mail }) => ({ ...mail, sent_at: sentAt.toISOString() })),
});

/** The captured mails. The app has this route only in local environments, where mails are captured. */
export const devMailboxRoutes = ({ mailbox }: { readonly mailbox: NonNullable<Mail['mailbox']> }) => [
  route(
    {
      method: 'GET',
      path: '/dev/mailbox',
      summary: 'Read the captured e-mails, as a page or as JSON; in local environments only',
      description:
        'Local environments send no mail and keep it here, with its links and codes, for tests and for trying flows.',
      tag: 'service',
      isLocal: true,
      access: 'anyone',
      answers: { 200: { description: 'The last 50, newest first', mediaType: 'text/html' } },
      errors: [],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const items = await mailbox(ctx);
      const supports = ['text/html', 'application/json'];
      return accepts(c, { header: 'Accept', supports, default: 'text/html' }) === 'application/json'
        ? c.json(mailboxResponse(items))
        : c.html(<Mailbox items={items} nonce={usePagePolicy(c)} />);
    },
  ),
];
