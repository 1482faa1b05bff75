import type { Container } from './container.ts';
import { deadLetterQueue } from './domain/outbox-schedule.ts';

/** After the first lease of a delivery, so that the mail of one that broke off is due again. */
const retryDelaySeconds = 60;

/** What the Worker does when nobody asks: deliver mails as they come, and tidy up every minute. */
export const createJobs = (container: Container) => {
  const { log } = container;

  const deliver = async (message: Message<unknown>): Promise<void> => {
    const outboxId = String(message.body);
    try {
      if (container.kind === 'misconfigured') return message.retry({ delaySeconds: retryDelaySeconds });
      const delivered = await container.services.mail.deliver(outboxId);
      if (delivered.kind === 'done') message.ack();
      else message.retry({ delaySeconds: delivered.afterSeconds });
    } catch (error) {
      log.error('mail delivery', { outbox_id: outboxId, error });
      message.retry({ delaySeconds: retryDelaySeconds });
    }
  };

  const bury = (message: Message<unknown>): void => {
    log.error('mail dead letter', { outbox_id: String(message.body), reason: 'queue gave up' });
    message.ack();
  };

  return {
    queue: async ({ queue, messages }: MessageBatch<unknown>): Promise<void> => {
      await Promise.all(messages.map(deadLetterQueue.test(queue) ? bury : deliver));
    },
    scheduled: async (): Promise<void> => {
      if (container.kind === 'misconfigured') return log.error('misconfigured', { job: 'scheduled' });
      const { mail, purge } = container.services;
      const settled = await Promise.allSettled([mail.sweep(), purge()]);
      // One that fails neither keeps the other from its work nor goes unseen.
      for (const one of settled) if (one.status === 'rejected') throw one.reason;
    },
  };
};
