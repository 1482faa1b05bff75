import { describe, expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { attemptDelaysSeconds, deadLetterQueue, maxAttempts } from '../../src/mail/rules/outbox-schedule.ts';

describe.each([
  ['local', undefined],
  ['staging', 'staging'],
  ['production', 'production'],
])('wrangler.toml, %s', (_, env) => {
  const { queues, triggers } = readConfig(
    { config: 'wrangler.toml', env: env ?? '' },
    { hideWarnings: true },
  );
  const [producer] = queues.producers ?? [];
  const consumer = queues.consumers?.find(({ queue }: { queue: string }) => queue === producer?.queue);

  it('has a mail queue that this Worker fills and empties', () => {
    expect(producer?.binding).toBe('MAIL_QUEUE');
    expect(producer?.queue).not.toMatch(deadLetterQueue);
    expect(consumer?.max_batch_timeout).toBe(0);
  });

  it('has as many retries as the schedule, the first not before the first lease ends', () => {
    expect(consumer?.max_retries).toBeGreaterThan(maxAttempts);
    expect(consumer?.retry_delay).toBeGreaterThanOrEqual(attemptDelaysSeconds[0] ?? 0);
  });

  it('has a consumer for what the queue gives up, known by its name', () => {
    expect(consumer?.dead_letter_queue).toMatch(deadLetterQueue);
    expect(queues.consumers?.map(({ queue }: { queue: string }) => queue)).toContain(
      consumer?.dead_letter_queue,
    );
  });

  it('opens no more connections at once than the platform lets it', () => {
    expect(consumer?.max_batch_size).toBeLessThanOrEqual(6);
  });

  it('sweeps once an hour, so that the database can sleep meanwhile', () => {
    expect(triggers.crons).toHaveLength(1);
    expect(triggers.crons?.[0]).toMatch(/^[1-5]?\d \* \* \* \*$/);
  });

  it('shares no queue with another environment', () => {
    const prefix = env ? `itsor-${env}-mail` : 'itsor-mail';
    expect([producer?.queue, consumer?.dead_letter_queue]).toEqual([prefix, `${prefix}-dead`]);
  });
});
