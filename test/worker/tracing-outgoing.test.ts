import { afterEach, expect, it, vi } from 'vitest';
import { noMetrics } from '../../src/platform/rules/metrics.ts';
import { createInstruments } from '../../src/platform/telemetry/instruments.ts';
import { createTracer } from '../../src/platform/telemetry/tracer.ts';

afterEach(() => vi.restoreAllMocks());

const newParts = (sampleRatio = 1) => {
  const ended: { name: string; context: { traceId: string; spanId: string } }[] = [];
  const tracer = createTracer({
    serviceName: 'test',
    sampleRatio,
    random: () => 0.5,
    onEnd: (span) => ended.push({ name: span.name, context: span.spanContext() }),
  });
  const { outgoing } = createInstruments({
    metrics: noMetrics,
    tracer,
    monotonicMs: () => 0,
    nextEvent: async () => {},
  });
  const fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response());
  const sent = () => {
    const [input, init] = fetches.mock.calls[0] ?? [];
    return new Headers(init?.headers ?? (input as Request).headers);
  };
  return { tracer, outgoing, ended, sent };
};

const start = { name: 'root', kind: 'server' } as const;
const none = () => undefined;

it('an outgoing request carries the traceparent of its own span, and keeps its headers', async () => {
  const { tracer, outgoing, ended, sent } = newParts();
  await tracer.root(start, none, () =>
    outgoing('https://mail.example/send', { method: 'POST', headers: { 'X-Own': '1' }, body: 'x' }),
  );
  const [post] = ended;
  expect(post?.name).toBe('POST');
  expect(sent().get('traceparent')).toBe(`00-${post?.context.traceId}-${post?.context.spanId}-01`);
  expect(sent().get('X-Own')).toBe('1');
});

it('a caller’s flag does not trace a request that our own sampling leaves out', async () => {
  const { tracer, outgoing, ended } = newParts(0.25);
  const caller = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
  await tracer.root(
    start,
    (name) => caller[name as 'traceparent'],
    () => outgoing('https://mail.example/send'),
  );
  expect(ended).toEqual([]);
});

it('a request without a trace is sent unchanged', async () => {
  const { outgoing, sent } = newParts();
  await outgoing(new Request('https://mail.example/send', { headers: { 'X-Own': '1' } }));
  expect([...sent()]).toEqual([['x-own', '1']]);
});
