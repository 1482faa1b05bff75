import type { RequestContext } from '../../platform/context.ts';
import type { SentMail } from '../rules/outbox.ts';
import type { OutboxRepository } from '../sql/outbox.ts';
import type { RenderMail } from './render.ts';

const maxItems = 50;

type Deps = { readonly outbox: Pick<OutboxRepository, 'recent'>; readonly render: RenderMail };

/** The mails that were captured, newest first; each is rendered again as of when it was sent. */
export const createMailbox =
  ({ outbox, render }: Deps) =>
  async (ctx: RequestContext): Promise<SentMail[]> => {
    const mails = await outbox.recent(ctx, maxItems);
    const items = mails.map(async (mail) => {
      const sentAt = mail.sentAt ?? ctx.now;
      const message = await render(mail, sentAt);
      return message ? [{ ...message, sentAt }] : [];
    });
    return (await Promise.all(items)).flat();
  };
