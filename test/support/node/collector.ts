import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
// The official definitions of OTLP, compiled by protobufjs; another decoder than the encoder that is under test.
import definitions from 'opentelemetry-proto/build/src/generated/root.js';

type Value = { stringValue?: string; intValue?: number; boolValue?: boolean };
type KeyValue = { key: string; value: Value };

export type CollectedSpan = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: string;
  readonly durationMs: number;
  readonly isFailed: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly service: string | undefined;
};

type ExportedSpan = {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status?: { code?: string };
  attributes?: KeyValue[];
};

type Export = {
  resourceSpans: {
    resource: { attributes: KeyValue[] };
    scopeSpans: { spans: ExportedSpan[] }[];
  }[];
};

type MessageType = {
  readonly decode: (body: Uint8Array) => unknown;
  readonly toObject: (message: unknown, options: Readonly<Record<string, unknown>>) => unknown;
};

/** The compiled file has no types of its own. */
const { ExportTraceServiceRequest } = (
  definitions as unknown as {
    opentelemetry: { proto: { collector: { trace: { v1: { ExportTraceServiceRequest: MessageType } } } } };
  }
).opentelemetry.proto.collector.trace.v1;

const hex = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString('hex');

const valuesOf = (attributes: readonly KeyValue[] = []) =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.boolValue]),
  );

/** @throws the error of protobufjs for a body that is no export request */
const decode = (body: Buffer): CollectedSpan[] => {
  const options = { bytes: String, enums: String, longs: String };
  const message = ExportTraceServiceRequest.toObject(
    ExportTraceServiceRequest.decode(body),
    options,
  ) as Export;
  return message.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        kind: span.kind,
        durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
        isFailed: span.status?.code === 'STATUS_CODE_ERROR',
        attributes: valuesOf(span.attributes),
        service: valuesOf(resource.attributes)['service.name'] as string | undefined,
      })),
    ),
  );
};

/** An OTLP collector of our own; `behave` can have it answer 503 or not at all. */
export const startCollector = async () => {
  const seen = {
    spans: [] as CollectedSpan[],
    requests: [] as { url?: string; headers: IncomingHttpHeaders }[],
  };
  let answer: 'takes' | 'refuses' | 'hangs' = 'takes';
  const hanging = new Set<ServerResponse>();
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    seen.requests.push({ ...(request.url !== undefined && { url: request.url }), headers: request.headers });
    if (answer === 'hangs') {
      hanging.add(response);
      return void response.on('close', () => hanging.delete(response));
    }
    if (answer === 'refuses') return void response.writeHead(503).end();
    seen.spans.push(...decode(body));
    response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    ...seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behave: (how: typeof answer) => {
      answer = how;
    },
    /** Exports that wait for an answer. */
    hanging: () => hanging.size,
    /** The spans of a trace, once one of them is of the given name. */
    trace: async (traceId: string, name: string): Promise<CollectedSpan[]> => {
      const deadline = Date.now() + 10_000;
      const found = () => seen.spans.filter((span) => span.traceId === traceId);
      while (!found().some((span) => span.name === name)) {
        if (Date.now() > deadline) throw new Error(`no span ${name} within ten seconds`);
        await sleep(50);
      }
      return found();
    },
    stop: async () => {
      for (const response of hanging) response.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
