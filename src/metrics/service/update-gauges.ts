import type { Metrics } from '../../platform/rules/metrics.ts';
import type { Backlog } from '../rules/backlog.ts';

const limitMs = 10_000;

type Deps = {
  readonly readBacklog: (scope: { readonly signal: AbortSignal }, now: Date) => Promise<Backlog>;
  readonly metrics: Pick<Metrics, 'set'>;
  readonly clock: () => Date;
};

/** Sets the gauges, which stand for the whole service and not for one isolate. */
export const createUpdateGauges =
  ({ readBacklog, metrics, clock }: Deps) =>
  async (): Promise<void> => {
    const { mails, uploads, overdueSeconds } = await readBacklog(
      { signal: AbortSignal.timeout(limitMs) },
      clock(),
    );
    for (const [state, count] of Object.entries(mails)) metrics.set('itsor_outbox_mails', { state }, count);
    for (const [status, count] of Object.entries(uploads)) metrics.set('itsor_uploads', { status }, count);
    for (const [kind, seconds] of Object.entries(overdueSeconds))
      metrics.set('itsor_work_overdue_seconds', { kind }, seconds);
  };
