import { accepts } from 'hono/accepts';
import { mailPagePolicy } from '../platform/http/content-security-policy.ts';
import { route, type Web } from '../platform/http/route.ts';
import { Mailbox } from './pages.tsx';
import type { SentMail } from './rules/outbox.ts';
import { MailboxQuery } from './schema.ts';
import type { Mail } from './service.ts';

const mailboxResponse = (mails: readonly SentMail[]) => ({
  items: mails.map(({ sentAt, ...mail }) => ({ ...mail, sent_at: sentAt.toISOString() })),
});

/** A page that is open shows new mails by itself. */
const reloadSeconds = '10';

/** The captured mails. The app has this route only in local environments, where mails are captured. */
export const devMailboxRoutes = (
  { mailbox }: { readonly mailbox: NonNullable<Mail['mailbox']> },
  { site }: Pick<Web, 'site'>,
) => [
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
      query: MailboxQuery,
      answers: { 200: { description: 'The last 50, newest first', mediaType: 'text/html' } },
      errors: ['validation_failed'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const { to = null, after = null } = c.req.valid('query');
      const items = await mailbox(ctx, { to, after: after === null ? null : new Date(after) });
      const supports = ['text/html', 'application/json'];
      if (accepts(c, { header: 'Accept', supports, default: 'text/html' }) === 'application/json')
        return c.json(mailboxResponse(items));
      c.header('Content-Security-Policy', mailPagePolicy);
      c.header('Refresh', reloadSeconds);
      return c.html(<Mailbox basePath={site.basePath} items={items} to={to} after={after} now={ctx.now} />);
    },
  ),
];
