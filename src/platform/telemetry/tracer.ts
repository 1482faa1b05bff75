import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingConfig } from '../config/schema.ts';
import type { Logger } from '../context.ts';
import { findAppError } from '../errors.ts';
import type { Metrics } from '../rules/metrics.ts';
import { type ActiveSpan, inertSpan, type SpanStart, type Tracer } from '../rules/tracing.ts';

type Options = Pick<TracingConfig, 'serviceName' | 'sampleRatio'> & {
  /** A random number in [0, 1). */
  readonly random: () => number;
  readonly onEnd: (span: ReadableSpan) => void;
};

const kinds: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/**
 * Our own random number decides, even for a trace that the caller began. If the caller's id or flag decided, any client
 * could have all its requests exported at our cost. A caller's "not sampled" is respected, because it costs nothing.
 */
const createSampler = ({ sampleRatio, random }: Pick<Options, 'sampleRatio' | 'random'>): Sampler => {
  const byChance: Sampler = {
    shouldSample: () => ({
      decision: random() < sampleRatio ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    }),
    toString: () => `Random{${sampleRatio}}`,
  };
  return new ParentBasedSampler({ root: byChance, remoteParentSampled: byChance });
};

const propagator = new W3CTraceContextPropagator();

const failureOf = (error: unknown): string =>
  findAppError(error)?.code ?? (error instanceof Error ? error.name : typeof error);

/** A tracer of OpenTelemetry's SDK; AsyncLocalStorage holds the current span. */
export const createTracer = ({ serviceName, sampleRatio, random, onEnd }: Options): Tracer => {
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd,
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    sampler: createSampler({ sampleRatio, random }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('itsor');
  const current = new AsyncLocalStorage<Context>();

  const activeSpan = (span: Span): ActiveSpan => ({
    traceId: span.isRecording() ? span.spanContext().traceId : null,
    set: (attributes) => span.setAttributes(attributes),
    rename: (name) => span.updateName(name),
    fail: (type) => span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR }),
  });

  const run = async <T>(
    { name, kind, attributes = {} }: SpanStart,
    parent: Context,
    work: (span: ActiveSpan) => Promise<T>,
  ): Promise<T> => {
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, parent);
    const active = activeSpan(span);
    try {
      return await current.run(trace.setSpan(parent, span), () => work(active));
    } catch (error) {
      active.fail(failureOf(error));
      throw error;
    } finally {
      span.end();
    }
  };

  return {
    root: (start, header, work) => {
      const parent = propagator.extract(ROOT_CONTEXT, null, {
        get: (_, name) => header(name),
        keys: () => [],
      });
      return run(start, parent, work);
    },
    span: (start, work) => {
      const parent = current.getStore();
      const isTraced = parent !== undefined && trace.getSpan(parent)?.isRecording() === true;
      return isTraced ? run(start, parent, work) : work(inertSpan);
    },
    headers: () => {
      const context = current.getStore();
      const headers: Record<string, string> = {};
      if (context)
        propagator.inject(context, headers, {
          set: (to, name, value) => {
            to[name] = value;
          },
        });
      return headers;
    },
  };
};

const maxWaiting = 2_048;
const maxPerRequest = 512;
const timeoutMs = 5_000;

/**
 * Sends finished spans to a collector, by OTLP over HTTP in protobuf. Spans that it does not accept at once are dropped
 * and counted: traces are samples, and memory is for requests.
 */
export const createSpanExporter = (
  { url, headers }: TracingConfig,
  { log, metrics }: { readonly log: Logger; readonly metrics: Pick<Metrics, 'count'> },
) => {
  const sent = new Headers(headers.map(({ name, value }): [string, string] => [name, value.reveal()]));
  sent.set('Content-Type', 'application/x-protobuf');
  let waiting: ReadableSpan[] = [];

  const drop = (count: number, facts: Readonly<Record<string, unknown>>): void => {
    metrics.count('itsor_spans_dropped_total', {}, count);
    log.warn('spans dropped', { count, ...facts });
  };

  const post = async (spans: ReadableSpan[]): Promise<void> => {
    const body = ProtobufTraceSerializer.serializeRequest(spans);
    if (!body) return;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const request = { method: 'POST', headers: sent, body, signal, redirect: 'manual' } as const;
      const response = await fetch(url.reveal(), request);
      await response.body?.cancel();
      if (!response.ok) drop(spans.length, { status: response.status });
    } catch (error) {
      drop(spans.length, { error });
    }
  };

  return {
    add: (span: ReadableSpan): void => {
      if (waiting.length < maxWaiting) waiting.push(span);
      else metrics.count('itsor_spans_dropped_total', {});
    },
    flush: async (): Promise<void> => {
      const spans = waiting;
      waiting = [];
      const parts = Array.from({ length: Math.ceil(spans.length / maxPerRequest) }, (_, at) =>
        spans.slice(at * maxPerRequest, (at + 1) * maxPerRequest),
      );
      await Promise.all(parts.map(post));
    },
  };
};
