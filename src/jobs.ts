import { nextRun, queueGraceSeconds, runAt, type Worked } from './agenda/rules.ts';
import type { DueWork } from './agenda/sql.ts';
import type { Foundation } from './container.ts';
import type { Features } from './features.ts';
import { deadLetterQueue } from './mail/rules/outbox-schedule.ts';
import type { LogFields } from './platform/context.ts';
import { secondsAfter } from './sessions/rules/session.ts';
import { uploadDeadLetterQueue, uploadQueue } from './uploads/rules/upload-schedule.ts';

/** The verbs that queues, the agenda and the schedule call. */
type JobFeatures = Pick<Features, 'retention' | 'agenda'> & {
  readonly mail: Pick<Features['mail'], 'deliver' | 'sweep'>;
  readonly uploads: Pick<Features['uploads'], 'work' | 'markDeadLetter' | 'sweep' | 'removeOrphans'>;
  readonly metrics: Pick<NonNullable<Features['metrics']>, 'updateGauges'> | null;
};

type Invocation = Pick<ExecutionContext, 'waitUntil'>;

type Consumer = {
  readonly work: (id: string) => Promise<Worked>;
  /** The message of the log, and its field for the id of the row. */
  readonly label: string;
  readonly idField: string;
};

const earliestOf = ({ mail, upload, erasure }: DueWork): Date | null =>
  [mail, upload, erasure].reduce((a, b) => (a === null || (b !== null && b < a) ? b : a));

/**
 * The work of the Worker beside requests: it processes its queues, does what is due when the agenda says so, and every
 * hour everything that the agenda may have missed (docs/adr/0034).
 * @param features null in a misconfigured Worker, which returns every message to its queue
 */
export const createJobs = (
  { log, telemetry, clock }: Pick<Foundation, 'log' | 'telemetry' | 'clock'>,
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

  /** Tells the agenda when more is due about a row. A message that the queue keeps until then goes first. */
  const expectNext = async (id: string, worked: Worked): Promise<void> => {
    const now = clock();
    const at =
      worked.kind === 'again' ? secondsAfter(now, worked.afterSeconds + queueGraceSeconds) : worked.next;
    // Work that is due already has been handed to the queue, and the agenda knows of it.
    if (at === undefined || (at !== null && at <= now)) return;
    await features?.agenda.set([{ id, at }]);
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
        await expectNext(id, worked);
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

  /** Runs jobs side by side. One that fails does not stop the others, and its error still reaches the caller. */
  const runAll = async (trigger: 'alarm' | 'cron', jobs: readonly (() => Promise<void>)[]): Promise<void> => {
    const settled = await Promise.allSettled(jobs.map((job) => job()));
    // The gauges come last, so that they count the work that is left.
    settled.push(...(await Promise.allSettled([features?.metrics?.updateGauges()])));
    const failed = settled.find((each) => each.status === 'rejected');
    metrics.count('itsor_scheduled_runs_total', { trigger, outcome: failed ? 'failed' : 'ok' });
    if (failed) throw failed.reason;
  };

  return {
    queue: async ({ queue, messages }: MessageBatch<unknown>, invocation: Invocation): Promise<void> => {
      const consumer = consumerOf(queue);
      await traced(`process ${queue}`, invocation, async () => {
        await Promise.all(messages.map(consumer));
      });
    },
    /**
     * Does what the database says is due, in one round trip where that is nothing. Never rejects.
     * @returns when the earliest work that is left is due; null for none
     */
    due: async (invocation: Invocation): Promise<Date | null> => {
      let next: Date | null = clock();
      await traced('due work', invocation, async () => {
        if (features === null) return log.error('misconfigured', { job: 'due work' });
        try {
          const now = clock();
          const due = await features.agenda.readDue();
          const isDue = (at: Date | null) => at !== null && at <= now;
          const jobs = [
            ...(isDue(due.mail) ? [features.mail.sweep] : []),
            ...(isDue(due.upload) ? [features.uploads.sweep] : []),
            ...(isDue(due.erasure) ? [features.retention.erase] : []),
          ];
          if (jobs.length > 0) await runAll('alarm', jobs);
          next = earliestOf(jobs.length > 0 ? await features.agenda.readDue() : due);
        } catch (error) {
          log.error('due work', { error });
        }
      });
      return next;
    },

    /** The net: it needs no agenda, so it finds what a lost alarm has left. */
    scheduled: (invocation: Invocation): Promise<void> =>
      traced('scheduled', invocation, async () => {
        if (features === null) return log.error('misconfigured', { job: 'scheduled' });
        const { agenda, mail, uploads, retention } = features;
        try {
          await runAll('cron', [
            mail.sweep,
            async () => {
              await uploads.sweep();
              await uploads.removeOrphans();
            },
            retention.purge,
          ]);
        } finally {
          const at = runAt(earliestOf(await agenda.readDue()), clock());
          await agenda.set([{ id: nextRun, at }]);
        }
      }),
  };
};
