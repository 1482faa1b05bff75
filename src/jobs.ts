import type { Foundation } from './container.ts';
import type { Features } from './features.ts';
import { deadLetterQueue } from './mail/rules/outbox-schedule.ts';
import type { LogFields } from './platform/context.ts';
import { uploadDeadLetterQueue, uploadQueue } from './uploads/rules/upload-schedule.ts';

/** The verbs that queues and the schedule call. */
type JobFeatures = Pick<Features, 'retention'> & {
  readonly mail: Pick<Features['mail'], 'deliver' | 'sweep'>;
  readonly uploads: Pick<Features['uploads'], 'work' | 'markDeadLetter' | 'sweep'>;
  readonly metrics: Pick<NonNullable<Features['metrics']>, 'updateGauges'> | null;
};

type Invocation = Pick<ExecutionContext, 'waitUntil'>;

type Consumer = {
  readonly work: (
    id: string,
  ) => Promise<{ readonly kind: 'done' } | { readonly kind: 'again'; readonly afterSeconds: number }>;
  /** The message of the log, and its field for the id of the row. */
  readonly label: string;
  readonly idField: string;
};

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

  /**
   * Processes a message that names a row.
   * @param retryDelaySeconds longer than the first lease of the work, so that interrupted work is due again
   */
  const consume =
    (retryDelaySeconds: number, consumer: Consumer | null) =>
    async (message: Message<unknown>): Promise<void> => {
      if (consumer === null) return message.retry({ delaySeconds: retryDelaySeconds });
      const { work, label, idField } = consumer;
      const id = String(message.body);
      try {
        const worked = await work(id);
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

  const uploadWork = features && { work: features.uploads.work, label: 'upload work', idField: 'upload_id' };
  const mailWork = features && { work: features.mail.deliver, label: 'mail delivery', idField: 'outbox_id' };

  const consumerOf = (queue: string) => {
    if (deadLetterQueue.test(queue)) return markMailDead;
    if (uploadDeadLetterQueue.test(queue)) return markUploadDead;
    if (uploadQueue.test(queue)) return consume(300, uploadWork);
    if (/-mail$/.test(queue)) return consume(60, mailWork);
    throw new Error(`no consumer for the queue ${queue}`);
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
