import type { MetricsConfig, TracingConfig } from '../config/schema.ts';
import type { Logger } from '../context.ts';
import { type Metrics, type MetricsBatch, noMetrics } from '../rules/metrics.ts';
import { noTracer, type Tracer } from '../rules/tracing.ts';
import { createDeferredFlush } from './deferred-flush.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { createMetricsRecorder } from './metrics-recorder.ts';
import { createSpanExporter } from './span-exporter.ts';
import { createTracer } from './tracer.ts';

type Config = { readonly metrics: MetricsConfig; readonly tracing: TracingConfig | null };

type Deps = {
  readonly log: Logger;
  readonly isolate: string;
  readonly gather: (batch: MetricsBatch) => Promise<void>;
  readonly random: () => number;
};

/** What is seen of the Worker from outside: what it counts, and where its time goes. */
export type Telemetry = {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly instruments: Instruments;
  readonly monotonicMs: () => number;
  /** Sends what was gathered, soon and after the response. */
  readonly flushLater: (defer: (name: string, work: Promise<unknown>) => void) => void;
  /** Sends it now: for jobs, once their work is done. */
  readonly flush: () => Promise<void>;
  /** Sends the numbers now, for who asks for them; a collector of traces that is slow is not waited for. */
  readonly flushMetrics: () => Promise<void>;
};

/** So long the numbers lag behind, and so many milliseconds share one call. */
const flushEveryMs = 1_000;

const monotonicMs = () => performance.now();
const wait = (ms: number) => scheduler.wait(ms);

/** Where neither metrics nor traces are wanted, nothing is gathered and nothing is sent. */
export const createTelemetry = (config: Config, { log, isolate, gather, random }: Deps): Telemetry => {
  const recorder = config.metrics.enabled ? createMetricsRecorder({ isolate, send: gather }) : null;
  const metrics: Metrics = recorder ?? noMetrics;
  const exporter = config.tracing && createSpanExporter({ ...config.tracing, log, metrics });
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
      for (const one of settled)
        if (one.status === 'rejected') log.error('telemetry was not sent', { error: one.reason });
    },
    flushMetrics: async () => recorder?.flush(),
  };
};
