import type { Logger } from '../platform/context.ts';
import type { ObserveCall } from '../platform/telemetry/instruments.ts';
import { secondsAfter } from '../sessions/rules/session.ts';
import type { AgendaObject, Entry } from './agenda-object.ts';
import { type Agenda, queueGraceSeconds } from './rules.ts';

type Parts = { readonly log: Logger; readonly called: ObserveCall };

/** An object that hangs must not hold up the consumer of a queue. */
const limitMs = 5_000;

/** A client of the one object that knows when work is due. */
export const createAgenda = (
  namespace: DurableObjectNamespace<AgendaObject<never>>,
  { log, called }: Parts,
): Agenda => {
  const send = (entries: readonly Entry[]): Promise<void> => {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('the agenda did not answer')), limitMs);
    const sent = called('Agenda', 'set', async () => namespace.getByName('all').set(entries));
    return Promise.race([sent, tooLate]).finally(() => clearTimeout(timer));
  };
  return {
    set: async (times) => {
      if (times.length === 0) return;
      const entries = times.map(({ id, at }) => ({ id, atMs: at === null ? null : at.getTime() }));
      await send(entries).catch((error: unknown) => {
        const ids = entries.map(({ id }) => id);
        log.error('the agenda cannot be reached; the hourly run does the work', { ids, error });
      });
    },
  };
};

/** Hands the ids of rows to a queue. The agenda has the work done if the queue loses them. */
export const createJobQueue = (
  queue: Queue<string>,
  { agenda, clock }: { readonly agenda: Agenda; readonly clock: () => Date },
) => ({
  enqueue: async (ids: readonly string[]): Promise<void> => {
    if (ids.length === 0) return;
    const at = secondsAfter(clock(), queueGraceSeconds);
    await Promise.all([
      agenda.set(ids.map((id) => ({ id, at }))),
      queue.sendBatch(ids.map((body) => ({ body, contentType: 'json' }))),
    ]);
  },
});
