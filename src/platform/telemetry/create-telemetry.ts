import type { MetricsConfig, TracingConfig } from '../config/schema.ts';
import type { Logger, RequestContext } from '../context.ts';
import { type Metrics, type MetricsBatch, noMetrics } from '../rules/metrics.ts';
import { noTracer, type Tracer } from '../rules/tracing.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { createDeferredFlush, createMetricsRecorder } from './metrics-recorder.ts';
import { createSpanExporter, createTracer } from './tracer.ts';

type Config = { readonly metrics: MetricsConfig; readonly tracing: TracingConfig | null };

type Options = {
  readonly log: Logger;
  readonly isolate: string;
  readonly gather: (batch: MetricsBatch) => Promise<void>;
  readonly random: () => number;
};

/** What operators see of the Worker: its counts and its traces. */
export type Telemetry = {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly instruments: Instruments;
  readonly monotonicMs: () => number;
  /** Sends metrics and traces soon, after the response. */
  readonly flushLater: (defer: RequestContext['defer']) => void;
  /** Sends metrics and traces now; jobs call this once their work is done. */
  readonly flush: () => Promise<void>;
  /** Sends the metrics now, without waiting for a slow collector of traces. */
  readonly flushMetrics: () => Promise<void>;
};

/** Metrics lag behind by this time, and all requests of this time share one call. */
const flushEveryMs = 1_000;

const monotonicMs = () => performance.now();
const wait = (ms: number) => scheduler.wait(ms);

/** Gathers and sends only what the configuration enables. */
export const createTelemetry = (config: Config, { log, isolate, gather, random }: Options): Telemetry => {
  const recorder = config.metrics.enabled ? createMetricsRecorder({ isolate, send: gather }) : null;
  const metrics: Metrics = recorder ?? noMetrics;
  const exporter = config.tracing && createSpanExporter(config.tracing, { log, metrics });
  const tracer =
    config.tracing && exporter ? createTracer({ ...config.tracing, random, onEnd: exporter.add }) : noTracer;

  const sinks = [
    ...(recorder ? [{ name: 'metrics', flush: recorder.flush }] : []),
    ...(exporter ? [{ name: 'traces', flush: exporter.flush }] : []),
  ];
  const later = sinks.map((sink) =>
    createDeferredFlush({ ...sink, everyMs: flushEveryMs, wait, monotonicMs }),
  );
  const isOn = sinks.length > 0;

  return {
    metrics,
    tracer,
    monotonicMs,
    instruments: createInstruments({
      metrics,
      tracer,
      monotonicMs,
      nextEvent: isOn ? () => wait(0) : () => Promise.resolve(),
    }),
    flushLater: (defer) => {
      for (const flush of later) flush(defer);
    },
    flush: async () => {
      const settled = await Promise.allSettled(sinks.map(({ flush }) => flush()));
      for (const result of settled)
        if (result.status === 'rejected') log.error('telemetry was not sent', { error: result.reason });
    },
    flushMetrics: async () => recorder?.flush(),
  };
};
