import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import type { Bindings } from '../../../src/container.ts';
import worker from '../../../src/index.ts';
import { farFuture } from './outbox.ts';

export type Fate = { acked: unknown[]; retried: { body: unknown; delaySeconds: number | undefined }[] };

/** A batch whose outcome the test reads, the delays included: the test pool's own stand-in drops them. */
export const newBatch = (queue: string, bodies: readonly unknown[]) => {
  const fate: Fate = { acked: [], retried: [] };
  const messages = bodies.map((body, index) => ({
    id: String(index),
    timestamp: farFuture,
    attempts: 1,
    body,
    ack: () => void fate.acked.push(body),
    retry: (options?: QueueRetryOptions) =>
      void fate.retried.push({ body, delaySeconds: options?.delaySeconds }),
  }));
  const batch = { queue, messages, ackAll: () => {}, retryAll: () => {} } as unknown as MessageBatch;
  return { batch, fate };
};

/** Hands the Worker messages as the platform does: the invocation ends when what it waits for does. */
export const consume = async (
  queue: string,
  bodies: readonly unknown[],
  bindings: Bindings,
): Promise<Fate> => {
  const { batch, fate } = newBatch(queue, bodies);
  const execution = createExecutionContext();
  await worker.queue(batch, bindings, execution);
  await waitOnExecutionContext(execution);
  return fate;
};

/** The Worker's cron. */
export const runSchedule = async (bindings: Bindings): Promise<void> => {
  const execution = createExecutionContext();
  await worker.scheduled({} as ScheduledController, bindings, execution);
  await waitOnExecutionContext(execution);
};
