import { Hono } from 'hono';
import { accepts } from 'hono/accepts';
import type { RequestContext } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { usePagePolicy } from '../platform/http/content-security-policy.ts';
import { isLoopback } from '../platform/rules/loopback.ts';
import { Mailbox } from './pages.tsx';
import type { SentMail } from './rules/outbox.ts';
import { mailboxResponse } from './schema.ts';

export type MailboxServices = { readonly mailbox: (ctx: RequestContext) => Promise<SentMail[]> };

/** The captured mails, under `/dev`; for local work only, so the app has this route where they are captured. */
export const devMailboxRoutes = ({ mailbox }: MailboxServices, { host }: { host: string }) =>
  new Hono<AppEnv>().get('/mailbox', async (c) => {
    // Another name may be a foreign page's, led here by its DNS to read along (DNS rebinding).
    const { hostname } = new URL(c.req.url);
    if (!isLoopback(hostname) && hostname !== host) throw new AppError('not_found');
    const items = await mailbox(c.var.ctx);
    const supports = ['text/html', 'application/json'];
    return accepts(c, { header: 'Accept', supports, default: 'text/html' }) === 'application/json'
      ? c.json(mailboxResponse(items))
      : c.html(<Mailbox items={items} nonce={usePagePolicy(c)} />);
  });
