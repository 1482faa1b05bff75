import type { MailQueue } from './rules/outbox.ts';

/** The mail queue on Cloudflare Queues. A message is the id of an outbox row. */
export const createMailQueue = (queue: Queue<string>): MailQueue => ({
  enqueue: async (outboxIds) => {
    if (outboxIds.length === 0) return;
    await queue.sendBatch(outboxIds.map((body) => ({ body, contentType: 'json' })));
  },
});
