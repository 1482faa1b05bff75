import type { RequestContext } from '../context.ts';
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
  /** Sends the counts since the last flush; a batch that could not be sent goes first the next time. */
  readonly flush: () => Promise<void>;
};

/** Adds up counts in the isolate's memory until they are flushed. */
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

  // One batch at a time. A second flush sends the unanswered batch of the first again, which still counts once: waiting
  // for the first would never end if the platform has ended its request.
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

type FlushOptions = {
  readonly name: string;
  readonly flush: () => Promise<void>;
  readonly everyMs: number;
  readonly wait: (ms: number) => Promise<void>;
  readonly monotonicMs: () => number;
};

/** The platform has ended the request of a flush that takes longer than this. */
const graceMs = 10_000;

/**
 * Lets one request in every `everyMs` flush for all requests, after its response (the platform allows 30 seconds).
 * The last request of a burst is then flushed without waiting for a later one.
 */
export const createDeferredFlush = ({ name, flush, everyMs, wait, monotonicMs }: FlushOptions) => {
  let underWayUntilMs = Number.NEGATIVE_INFINITY;

  return (defer: RequestContext['defer']): void => {
    const nowMs = monotonicMs();
    if (nowMs < underWayUntilMs) return;
    underWayUntilMs = nowMs + everyMs + graceMs;
    const flushed = wait(everyMs)
      .then(() => {
        // Later counts may miss this flush, so the next request begins another one.
        underWayUntilMs = Number.NEGATIVE_INFINITY;
      })
      .then(flush);
    defer(name, flushed);
  };
};
