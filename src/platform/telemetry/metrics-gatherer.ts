import { AppError } from '../errors.ts';
import type { MetricsBatch, Series } from '../rules/metrics.ts';
import type { MetricsGatherer as MetricsGathererObject } from './metrics-object.ts';

/** A client of the one object that adds up the counts of all isolates. */
export const createMetricsGatherer = (namespace: DurableObjectNamespace<MetricsGathererObject>) => {
  const gatherer = () => namespace.getByName('all');
  return {
    add: async (batch: MetricsBatch): Promise<void> => gatherer().add(batch),
    read: async (): Promise<Series[]> =>
      gatherer()
        .read()
        .catch((cause: unknown) => {
          throw new AppError('service_unavailable', { retryAfterSeconds: 1, cause });
        }),
  };
};
