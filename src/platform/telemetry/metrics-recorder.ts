import {
  addSeries,
  definitionOf,
  type Metrics,
  type MetricsBatch,
  observed,
  type SeriesTable,
} from '../rules/metrics.ts';

type Options = { readonly isolate: string; readonly send: (batch: MetricsBatch) => Promise<void> };

export type MetricsRecorder = Metrics & {
  /** Sends what was counted since the last time; what could not be sent is sent first the next time. */
  readonly flush: () => Promise<void>;
};

/** Adds up in the isolate's memory, without a call, until it is flushed. */
export const createMetricsRecorder = ({ isolate, send }: Options): MetricsRecorder => {
  const pending: SeriesTable = new Map();
  let unanswered: MetricsBatch | null = null;
  let sequence = 0;

  const record = (name: string, labels: Readonly<Record<string, string>>, amounts: readonly number[]) => {
    const values = (definitionOf(name)?.labels ?? []).map((label) => labels[label] ?? '');
    addSeries(pending, { name, labels: values, amounts });
  };

  const takeBatch = (): MetricsBatch | null => {
    if (pending.size === 0) return null;
    sequence += 1;
    const batch = { isolate, sequence, series: [...pending.values()] };
    pending.clear();
    return batch;
  };

  // One batch at a time. Of two flushes at once the second sends the batch of the first again, which counts once;
  // were it to wait for it instead, it would wait for ever for a request that the platform has ended.
  const flush = async (): Promise<void> => {
    for (let batch = unanswered ?? takeBatch(); batch !== null; batch = unanswered ?? takeBatch()) {
      unanswered = batch;
      await send(batch);
      if (unanswered === batch) unanswered = null;
    }
  };

  return {
    count: (name, labels, by = 1) => record(name, labels, [by]),
    set: (name, labels, value) => record(name, labels, [value]),
    observe: (name, labels, value) => {
      const definition = definitionOf(name);
      if (definition?.kind === 'histogram') record(name, labels, observed(definition.buckets, value));
    },
    flush,
  };
};
