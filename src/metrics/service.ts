import type { Container } from '../container.ts';
import { createSharedSecret } from '../platform/crypto/shared-secret.ts';
import { AppError } from '../platform/errors.ts';
import { createMetricsGatherer } from '../platform/telemetry/metrics-gatherer.ts';
import { expose } from './rules.ts';
import { createBacklogSql } from './sql.ts';

const databaseLimitMs = 10_000;

export type MetricsFeature = ReturnType<typeof createMetrics>;

export const createMetrics = ({ db, config, bindings, metrics, telemetry, clock }: Container) => {
  const rows = createBacklogSql({ db });
  const { token: expected } = config.metrics;
  /** Null: the metrics are public, in local environments only. */
  const isToken = expected && createSharedSecret(expected);
  const { read: readSeries } = createMetricsGatherer(bindings.METRICS_GATHERER);

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
