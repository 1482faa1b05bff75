import { AppError } from '../errors.ts';
import type { MetricsBatch, Series } from '../rules/metrics.ts';
import type { MetricsGatherer as MetricsGathererObject } from './metrics-object.ts';

/** The one object that adds up what all isolates count. */
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
