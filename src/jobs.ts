import type { Foundation } from './container.ts';
import type { Features } from './features.ts';
import { deadLetterQueue } from './mail/rules/outbox-schedule.ts';
import type { LogFields } from './platform/context.ts';
import { uploadDeadLetterQueue, uploadQueue } from './uploads/rules/upload-schedule.ts';

type Work = (
  id: string,
) => Promise<{ readonly kind: 'done' } | { readonly kind: 'again'; readonly afterSeconds: number }>;

/** The verbs that queues and the schedule call. */
type JobFeatures = Pick<Features, 'retention'> & {
  readonly mail: Pick<Features['mail'], 'deliver' | 'sweep'>;
  readonly uploads: Pick<Features['uploads'], 'work' | 'markDeadLetter' | 'sweep'>;
  readonly metrics: Pick<NonNullable<Features['metrics']>, 'updateGauges'> | null;
};

type Invocation = Pick<ExecutionContext, 'waitUntil'>;

/** A queue whose messages are ids of rows. */
type QueueConsumer = {
  readonly name: RegExp;
  readonly work: (features: JobFeatures) => Work;
  /** Longer than the first lease of the work, so that interrupted work is due again. */
  readonly retryDelaySeconds: number;
  /** The message of the log, and its field for the id of the row. */
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

/**
 * The work of the Worker beside requests: it processes its queues, and cleans up every minute.
 * @param features null in a misconfigured Worker, which returns every message to its queue
 */
export const createJobs = (
  { log, telemetry }: Pick<Foundation, 'log' | 'telemetry'>,
  features: JobFeatures | null,
) => {
  const { metrics, tracer } = telemetry;

  /** Runs the work in its own trace. The trace is sent after the work, so that a slow collector delays no message. */
  const traced = async (name: string, invocation: Invocation, work: () => Promise<void>): Promise<void> => {
    try {
      await tracer.root({ name, kind: 'consumer' }, () => undefined, work);
    } finally {
      invocation.waitUntil(telemetry.flush());
    }
  };

  const reportDeadLetter = (kind: 'mail' | 'upload', facts: LogFields): void => {
    metrics.count('itsor_dead_letters_total', { kind });
    log.error(`${kind} dead letter`, { ...facts, reason: 'queue gave up' });
  };

  const consume =
    ({ work, retryDelaySeconds, label, idField }: QueueConsumer) =>
    async (message: Message<unknown>): Promise<void> => {
      const id = String(message.body);
      try {
        if (features === null) return message.retry({ delaySeconds: retryDelaySeconds });
        const worked = await work(features)(id);
        if (worked.kind === 'done') message.ack();
        else message.retry({ delaySeconds: worked.afterSeconds });
      } catch (error) {
        log.error(label, { [idField]: id, error });
        message.retry({ delaySeconds: retryDelaySeconds });
      }
    };

  const markMailDead = async (message: Message<unknown>): Promise<void> => {
    reportDeadLetter('mail', { outbox_id: String(message.body) });
    message.ack();
  };

  const markUploadDead = async (message: Message<unknown>): Promise<void> => {
    const id = String(message.body);
    reportDeadLetter('upload', { upload_id: id });
    try {
      await features?.uploads.markDeadLetter(id);
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
        if (features === null) return log.error('misconfigured', { job: 'scheduled' });
        const { mail, uploads, retention } = features;
        const settled = await Promise.allSettled([mail.sweep(), uploads.sweep(), retention.purge()]);
        // The gauges come last, so that they count the work that is left.
        settled.push(...(await Promise.allSettled([features.metrics?.updateGauges()])));
        const failed = settled.find((each) => each.status === 'rejected');
        metrics.count('itsor_scheduled_runs_total', { outcome: failed ? 'failed' : 'ok' });
        // A job that fails does not stop the others, and its error still reaches the platform.
        if (failed) throw failed.reason;
      }),
  };
};
