import type { Foundation } from './container.ts';
import type { Features } from './features.ts';
import { deadLetterQueue } from './mail/rules/outbox-schedule.ts';
import type { LogFields } from './platform/context.ts';
import { uploadDeadLetterQueue, uploadQueue } from './uploads/rules/upload-schedule.ts';

type Work = (
  id: string,
) => Promise<{ readonly kind: 'done' } | { readonly kind: 'again'; readonly afterSeconds: number }>;

/** Those of the services that nobody asks for. */
type JobServices = Pick<Features, 'retention'> & {
  readonly mail: Pick<Features['mail'], 'deliver' | 'sweep'>;
  readonly uploads: Pick<Features['uploads'], 'work' | 'markDeadLetter' | 'sweep'>;
  readonly metrics: Pick<NonNullable<Features['metrics']>, 'updateGauges'> | null;
};

type JobContainer = Pick<Foundation, 'log' | 'telemetry'> &
  ({ readonly kind: 'ready'; readonly services: JobServices } | { readonly kind: 'misconfigured' });

type Invocation = Pick<ExecutionContext, 'waitUntil'>;

/** A queue whose messages are ids of rows. */
type QueueConsumer = {
  readonly name: RegExp;
  readonly work: (services: JobServices) => Work;
  /** After the first lease of the work, so that what broke off is due again. */
  readonly retryDelaySeconds: number;
  /** What the log calls it, and the row. */
  readonly label: string;
  readonly idField: string;
};

const queueConsumers: readonly QueueConsumer[] = [
  {
    name: uploadQueue,
    work: ({ uploads }) => uploads.work,
    retryDelaySeconds: 300,
    label: 'upload work',
    idField: 'upload_id',
  },
  {
    name: /-mail$/,
    work: ({ mail }) => mail.deliver,
    retryDelaySeconds: 60,
    label: 'mail delivery',
    idField: 'outbox_id',
  },
];

/** What the Worker does when nobody asks: work off its queues as they fill, and tidy up every minute. */
export const createJobs = (container: JobContainer) => {
  const { log, telemetry } = container;
  const { metrics, tracer } = telemetry;

  /** A trace of its own. What was seen of it is sent when it is over: a slow collector keeps no message waiting. */
  const traced = async (name: string, invocation: Invocation, work: () => Promise<void>): Promise<void> => {
    try {
      await tracer.root({ name, kind: 'consumer' }, () => undefined, work);
    } finally {
      invocation.waitUntil(telemetry.flush());
    }
  };

  const markDeadLetter = (kind: 'mail' | 'upload', facts: LogFields): void => {
    metrics.count('itsor_dead_letters_total', { kind });
    log.error(`${kind} dead letter`, { ...facts, reason: 'queue gave up' });
  };

  const consume =
    ({ work, retryDelaySeconds, label, idField }: QueueConsumer) =>
    async (message: Message<unknown>): Promise<void> => {
      const id = String(message.body);
      try {
        if (container.kind === 'misconfigured') return message.retry({ delaySeconds: retryDelaySeconds });
        const worked = await work(container.services)(id);
        if (worked.kind === 'done') message.ack();
        else message.retry({ delaySeconds: worked.afterSeconds });
      } catch (error) {
        log.error(label, { [idField]: id, error });
        message.retry({ delaySeconds: retryDelaySeconds });
      }
    };

  const markMailDead = async (message: Message<unknown>): Promise<void> => {
    markDeadLetter('mail', { outbox_id: String(message.body) });
    message.ack();
  };

  const markUploadDead = async (message: Message<unknown>): Promise<void> => {
    const id = String(message.body);
    markDeadLetter('upload', { upload_id: id });
    try {
      if (container.kind === 'ready') await container.services.uploads.markDeadLetter(id);
      message.ack();
    } catch (error) {
      log.error('upload dead letter', { upload_id: id, error });
      message.retry({ delaySeconds: 300 });
    }
  };

  const consumerOf = (queue: string) => {
    if (deadLetterQueue.test(queue)) return markMailDead;
    if (uploadDeadLetterQueue.test(queue)) return markUploadDead;
    const consumer = queueConsumers.find(({ name }) => name.test(queue));
    if (!consumer) throw new Error(`no consumer for the queue ${queue}`);
    return consume(consumer);
  };

  return {
    queue: async ({ queue, messages }: MessageBatch<unknown>, invocation: Invocation): Promise<void> => {
      const consumer = consumerOf(queue);
      await traced(`process ${queue}`, invocation, async () => {
        await Promise.all(messages.map(consumer));
      });
    },
    scheduled: (invocation: Invocation): Promise<void> =>
      traced('scheduled', invocation, async () => {
        if (container.kind === 'misconfigured') return log.error('misconfigured', { job: 'scheduled' });
        const { mail, uploads, retention } = container.services;
        const settled = await Promise.allSettled([mail.sweep(), uploads.sweep(), retention.purge()]);
        // After the work, so that what is left of it is what waits.
        settled.push(...(await Promise.allSettled([container.services.metrics?.updateGauges()])));
        const failed = settled.find((one) => one.status === 'rejected');
        metrics.count('itsor_scheduled_runs_total', { outcome: failed ? 'failed' : 'ok' });
        // One that fails neither keeps the others from their work nor goes unseen.
        if (failed) throw failed.reason;
      }),
  };
};
