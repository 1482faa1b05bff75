import type { Logger } from '../../platform/context.ts';
import type { Metrics } from '../../platform/rules/metrics.ts';
import type { OutboxRepository } from '../sql/outbox.ts';
import type { Deliver } from './deliver.ts';

/** As many connections as a Worker may have open at once, and as many mails as one run has time for. */
const parallel = 6;
const maxMails = 60;
const databaseLimitMs = 10_000;

type Deps = {
  readonly outbox: Pick<OutboxRepository, 'due' | 'tidy'>;
  readonly deliver: Deliver;
  readonly clock: () => Date;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
};

/** Delivers what the queue has lost or cannot hold, gives up what has come to nothing, deletes what is old. */
export const createSweep =
  ({ outbox, deliver, clock, log, metrics }: Deps) =>
  async (): Promise<void> => {
    const scope = () => ({ now: clock(), signal: AbortSignal.timeout(databaseLimitMs) });
    for (const id of await outbox.tidy(scope())) {
      metrics.count('itsor_dead_letters_total', { kind: 'mail' });
      log.error('mail dead letter', { outbox_id: id, reason: 'abandoned' });
    }

    const waiting = await outbox.due(scope(), maxMails);
    const deliverNext = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        await deliver(id).catch((error: unknown) => log.error('mail delivery', { outbox_id: id, error }));
      }
    };
    await Promise.all(Array.from({ length: parallel }, deliverNext));
  };
