import { accepts } from 'hono/accepts';
import type { RequestContext } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import { usePagePolicy } from '../platform/http/content-security-policy.ts';
import { route } from '../platform/http/route.ts';
import { isLoopback } from '../platform/rules/network.ts';
import { Mailbox } from './pages.tsx';
import type { SentMail } from './rules/outbox.ts';
import { MailboxList, mailboxResponse } from './schema.ts';

export type MailboxServices = { readonly mailbox: (ctx: RequestContext) => Promise<SentMail[]> };

/** The captured mails. The app has this route only where mails are captured, which is local work. */
export const devMailboxRoutes = ({ mailbox }: MailboxServices, { host }: { host: string }) => [
  route(
    {
      method: 'GET',
      path: '/dev/mailbox',
      summary: 'Read the captured e-mails, as a page or as JSON; in local environments only',
      tag: 'service',
      isLocal: true,
      access: 'anyone',
      answers: { 200: { description: 'The last 50, newest first', schema: MailboxList } },
      errors: ['not_found'],
    },
    async (c, ctx) => {
      // Another host name may belong to a foreign page whose DNS leads here to read along (DNS rebinding).
      const { hostname } = new URL(c.req.url);
      if (!isLoopback(hostname) && hostname !== host) throw new AppError('not_found');
      const items = await mailbox(ctx);
      const supports = ['text/html', 'application/json'];
      if (accepts(c, { header: 'Accept', supports, default: 'text/html' }) === 'application/json') {
        return c.json(mailboxResponse(items), 200);
      }
      return c.html(<Mailbox items={items} nonce={usePagePolicy(c)} />) as never;
    },
  ),
];
