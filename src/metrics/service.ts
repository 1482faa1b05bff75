import type { Container } from '../container.ts';
import { AppError } from '../platform/errors.ts';
import type { Series } from '../platform/rules/metrics.ts';
import { expose } from './rules.ts';
import { createBacklogSql } from './sql.ts';

const databaseLimitMs = 10_000;

type Parts = {
  /** Null: the metrics are public, in local environments only. */
  readonly isToken: ((given: string | undefined) => Promise<boolean>) | null;
  readonly readSeries: () => Promise<Series[]>;
};

export type MetricsFeature = ReturnType<typeof createMetrics>;

export const createMetrics = (
  { db, metrics, telemetry, clock }: Container,
  { isToken, readSeries }: Parts,
) => {
  const rows = createBacklogSql({ db });

  return {
    /**
     * The numbers of all isolates, including the last ones of this isolate, as Prometheus reads them.
     * @throws AppError `unauthenticated`, `service_unavailable`
     */
    scrape: async (token: string | undefined): Promise<string> => {
      if (isToken && !(await isToken(token)))
        throw new AppError('unauthenticated', {
          detail: 'The header must read "Authorization: Bearer <METRICS_TOKEN>".',
        });
      await telemetry.flushMetrics();
      return expose(await readSeries());
    },

    /** Sets the gauges, which stand for the whole service and not for one isolate. */
    updateGauges: async (): Promise<void> => {
      const scope = { signal: AbortSignal.timeout(databaseLimitMs) };
      const { mails, uploads, overdueSeconds } = await rows.read(scope, clock());
      for (const [state, count] of Object.entries(mails)) metrics.set('itsor_outbox_mails', { state }, count);
      for (const [status, count] of Object.entries(uploads)) metrics.set('itsor_uploads', { status }, count);
      for (const [kind, seconds] of Object.entries(overdueSeconds))
        metrics.set('itsor_work_overdue_seconds', { kind }, seconds);
    },
  };
};
