import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCollector } from '../support/node/collector.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

const password = 'canary-password of the traces';
const hexId = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');

describe('traces', () => {
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let stack: Launch;
  beforeAll(async () => {
    collector = await startCollector();
    stack = await startStack({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=a%20key',
        OTEL_SERVICE_NAME: 'itsor-under-test',
        ENABLE_METRICS: '1',
        RATE_LIMIT_MAX: '10000',
      },
    });
  });
  afterAll(async () => {
    await stack?.stop();
    await collector?.stop();
  });

  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(stack.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  const signUp = async () => {
    const email = `canary-${hexId(6)}@example.com`;
    const response = await post('/auth/signup', { email, password });
    return { email, token: ((await response.json()) as { access_token: string }).access_token };
  };

  it('continue the caller’s trace, with a span for each thing that takes time', async () => {
    const { email } = await signUp();
    const [traceId, parentId] = [hexId(16), hexId(8)];
    const login = await post(
      '/auth/token',
      { email, password },
      { traceparent: `00-${traceId}-${parentId}-01` },
    );
    expect(login.status).toBe(200);

    const spans = await collector.trace(traceId, 'POST /auth/token');
    await vi.waitFor(
      () => expect(collector.spans.some(({ name }) => name === 'LoginGuard.settle')).toBe(true),
      5_000,
    );
    const root = spans.find(({ name }) => name === 'POST /auth/token');
    expect(root).toMatchObject({
      kind: 'SPAN_KIND_SERVER',
      parentSpanId: parentId,
      service: 'itsor-under-test',
      isFailed: false,
      attributes: { 'http.route': '/auth/token', 'http.request.method': 'POST' },
    });
    const children = spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    const names = children.map(({ name }) => name).filter((name) => name !== 'LoginGuard.settle');
    expect(names.toSorted()).toEqual([
      'LoginGuard.reserve',
      'RateLimiter.hit',
      'argon2id',
      'postgresql',
      'postgresql',
    ]);
    expect(spans.find(({ name }) => name === 'argon2id')?.durationMs).toBeGreaterThan(2);
    expect(collector.requests[0]).toMatchObject({
      url: '/v1/traces',
      headers: { 'x-collector-key': 'a key', 'content-type': 'application/x-protobuf' },
    });
  });

  it('carry the text of a statement and no parameter: no address, password, token or header', async () => {
    const { email, token } = await signUp();
    const traceId = hexId(16);
    await fetch(`${stack.url}/auth/me?canary=query-canary`, {
      headers: { Authorization: `Bearer ${token}`, traceparent: `00-${traceId}-${hexId(8)}-01` },
    });
    const spans = await collector.trace(traceId, 'GET /auth/me');
    const statement = spans.find(({ name }) => name === 'postgresql')?.attributes['db.query.text'];
    expect(statement).toMatch(/select .* from .*sessions/is);
    const everything = JSON.stringify(collector.spans);
    for (const secret of [email, password, token, 'query-canary', 'canary-password'])
      expect(everything).not.toContain(secret);
  });

  it('follow a mail into the queue that sends it', async () => {
    await signUp();
    await vi.waitFor(() => expect(collector.spans.map(({ name }) => name)).toContain('send mail'), {
      timeout: 10_000,
    });
    const mail = collector.spans.find(({ name }) => name === 'send mail');
    const root = collector.spans.find(({ spanId }) => spanId === mail?.parentSpanId);
    expect(root).toMatchObject({ name: 'process itsor-mail', kind: 'SPAN_KIND_CONSUMER' });
  });

  it('mark what failed by its code and not by its message', async () => {
    const traceId = hexId(16);
    const response = await post(
      '/auth/token',
      { email: 'nobody@example.com', password },
      { traceparent: `00-${traceId}-${hexId(8)}-01` },
    );
    expect(response.status).toBe(401);
    const [root] = (await collector.trace(traceId, 'POST /auth/token')).filter(
      ({ kind }) => kind === 'SPAN_KIND_SERVER',
    );
    // A refused request is no failure of the service.
    expect(root).toMatchObject({ isFailed: false, attributes: { 'http.response.status_code': '401' } });
  });

  it('are not made for a caller that does not sample, and a broken traceparent begins a new one', async () => {
    const [unsampled, broken] = [hexId(16), 'f'.repeat(31)];
    await fetch(`${stack.url}/healthz`, { headers: { traceparent: `00-${unsampled}-${hexId(8)}-00` } });
    await fetch(`${stack.url}/healthz`, { headers: { traceparent: `00-${broken}-${hexId(8)}-01` } });
    await sleep(2_500);
    const roots = collector.spans.filter(({ name }) => name === 'GET /healthz');
    expect(roots.map(({ traceId }) => traceId)).not.toContain(unsampled);
    expect(roots.some(({ parentSpanId }) => parentSpanId === '')).toBe(true);
  });

  const droppedSpans = async () => {
    const text = await (await fetch(`${stack.url}/metrics`)).text();
    return Number(/^itsor_spans_dropped_total (\d+)$/m.exec(text)?.[1]);
  };
  const ask = async (token: string) =>
    (await fetch(`${stack.url}/auth/me`, { headers: { Authorization: `Bearer ${token}` } })).status;

  it('that a collector refuses are dropped and counted, and cost nobody an answer', async () => {
    const before = await droppedSpans();
    collector.behave('refuses');
    const { token } = await signUp();
    expect(await Promise.all(Array.from({ length: 50 }, () => ask(token)))).toEqual(Array(50).fill(200));
    await vi.waitFor(async () => expect(await droppedSpans()).toBeGreaterThan(before), {
      timeout: 30_000,
      interval: 500,
    });
    collector.behave('takes');
  });

  it('that a collector says nothing to keep no answer waiting, and are dropped in the end', async () => {
    const { token } = await signUp();
    const before = await droppedSpans();
    collector.behave('hangs');
    await ask(token);
    await vi.waitFor(() => expect(collector.hanging()).toBeGreaterThan(0), { timeout: 20_000 });
    expect(await ask(token)).toBe(200);
    // The answer came, and the export still waits.
    expect(collector.hanging()).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await droppedSpans()).toBeGreaterThan(before), {
      timeout: 30_000,
      interval: 500,
    });
    collector.behave('takes');
  });
});
