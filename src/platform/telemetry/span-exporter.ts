import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { TracingConfig } from '../config/schema.ts';
import type { Logger } from '../context.ts';
import type { Metrics } from '../rules/metrics.ts';

const maxWaiting = 2_048;
const maxPerRequest = 512;
const timeoutMs = 5_000;

type Options = Pick<TracingConfig, 'endpoint' | 'headers'> & {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
};

/**
 * Sends finished spans to a collector, by OTLP over HTTP in protobuf. What it does not take at once is dropped and
 * counted: traces are samples, and memory is for requests.
 */
export const createSpanExporter = ({ endpoint, headers, log, metrics }: Options) => {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
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
      const response = await fetch(url, { method: 'POST', headers: sent, body, signal, redirect: 'manual' });
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
