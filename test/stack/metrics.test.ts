import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasPrometheus, promtool, startPrometheus } from '../support/node/prometheus.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

if (!hasPrometheus)
  console.log('No Prometheus here (Debian: prometheus): /metrics was not scraped by a real one.');

const token = 'a-token-for-the-scraper';
const requestCount = 5_000;
const parallel = 20;

describe('/metrics of a service under load', () => {
  let stack: Launch;
  /** What the client was answered, by the labels that the service should count it under. */
  const answered = new Map<string, number>();

  const scrape = async () => {
    const headers = { Authorization: `Bearer ${token}` };
    return (await fetch(`${stack.url}/metrics`, { headers })).text();
  };

  beforeAll(async () => {
    stack = await startStack({
      env: {
        ENABLE_METRICS: '1',
        METRICS_TOKEN: token,
        RATE_LIMIT_MAX: '300',
        LOG_LEVEL: 'error',
      },
    });
    const signup = await fetch(`${stack.url}/auth/signup`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse battery staple' }),
    });
    const { access_token } = (await signup.json()) as { access_token: string };
    const authorized = { Authorization: `Bearer ${access_token}` };
    const json = { 'Content-Type': 'application/json' };
    const kinds: { method: string; path: string; route?: string; init?: RequestInit }[] = [
      { method: 'GET', path: '/auth/me', init: { headers: authorized } },
      { method: 'GET', path: '/auth/me' },
      { method: 'GET', path: '/auth/sessions', init: { headers: authorized } },
      { method: 'GET', path: '/health' },
      { method: 'GET', path: '/nowhere', route: 'unmatched' },
      { method: 'GET', path: '/users/not-an-id', route: '/users/:id', init: { headers: authorized } },
      { method: 'POST', path: '/auth/token', init: { headers: json, body: '{"broken":' } },
      { method: 'DELETE', path: '/auth/me', route: 'unmatched' },
    ];

    let left = requestCount;
    const requestNext = async () => {
      while (left > 0) {
        const kind = kinds[left % kinds.length];
        left--;
        if (!kind) continue;
        const response = await fetch(stack.url + kind.path, { ...kind.init, method: kind.method });
        await response.arrayBuffer();
        const sample = `method="${kind.method}",route="${kind.route ?? kind.path}",status="${response.status}"`;
        answered.set(sample, (answered.get(sample) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: parallel }, requestNext));
  }, 600_000);
  afterAll(() => stack?.stop());

  it('counts what the client counted, request by request', async () => {
    const text = await scrape();
    const counted = Object.fromEntries(
      [...text.matchAll(/^itsor_http_requests_total\{(.*)\} (\d+)$/gm)].map(([, labels, count]) => [
        labels,
        Number(count),
      ]),
    );
    expect([...answered.values()].reduce((sum, count) => sum + count)).toBe(requestCount);
    expect(counted).toMatchObject(Object.fromEntries(answered));
    // A refusal by the limiter is among them, so that refusals are seen to be counted too.
    expect([...answered.keys()].join()).toContain('status="429"');
    // Nobody else asked for these routes, and got another answer; the stack itself asks for others while it starts.
    const routeOf = (labels: string) => /route="([^"]*)"/.exec(labels)?.[1];
    const asked = new Set([...answered.keys()].map(routeOf));
    const others = Object.keys(counted).filter((labels) => !answered.has(labels));
    expect(others.filter((labels) => asked.has(routeOf(labels)))).toEqual([]);
  });

  it.skipIf(!hasPrometheus)('is what promtool calls good metrics', async () => {
    expect(promtool(['check', 'metrics'], await scrape())).toEqual({ status: 0, output: '' });
  });

  it.skipIf(!hasPrometheus)('is scraped by a real Prometheus, which has the same numbers', async () => {
    const prometheus = await startPrometheus(new URL(stack.url), token);
    try {
      const sum = 'sum(itsor_http_requests_total{route=~"/auth/me|/auth/sessions|/auth/token"})';
      const expected = [...answered]
        .filter(([labels]) => /route="\/auth\/(?:me|sessions|token)"/.test(labels))
        .reduce((total, [, count]) => total + count, 0);
      await vi.waitFor(async () => expect(await prometheus.query(sum)).toBe(expected), {
        timeout: 30_000,
        interval: 500,
      });
      expect(await prometheus.query('up{job="itsor"}')).toBe(1);
    } finally {
      await prometheus.stop();
    }
  });
});
