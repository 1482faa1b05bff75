import type { MailQueue } from './rules/outbox.ts';

/** Cloudflare Queues; a message is the id of an outbox row and nothing else. */
export const createMailQueue = (queue: Queue<string>): MailQueue => ({
  enqueue: async (outboxIds) => {
    if (outboxIds.length === 0) return;
    await queue.sendBatch(outboxIds.map((body) => ({ body, contentType: 'json' })));
  },
});
