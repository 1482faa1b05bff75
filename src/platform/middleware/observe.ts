import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import { matchedRoute } from '../http/matched-route.ts';
import type { Metrics } from '../rules/metrics.ts';
import type { Tracer } from '../rules/tracing.ts';

type Deps = {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly flushLater: (defer: (name: string, work: Promise<unknown>) => void) => void;
  readonly monotonicMs: () => number;
};

/** Of what a client may send as a method, those that are one. */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts, times and traces every request, by the route that it matched: a path can hold what a client made up. */
export const observe = ({ metrics, tracer, flushLater, monotonicMs }: Deps) =>
  createMiddleware<AppEnv>(async function observe(c, next) {
    const startMs = monotonicMs();
    const method = methods.has(c.req.method) ? c.req.method : 'other';
    const { requestId, defer } = c.var.ctx;
    await tracer.root(
      {
        name: method,
        kind: 'server',
        attributes: { 'http.request.method': method, 'itsor.request_id': requestId },
      },
      (name) => c.req.header(name),
      async (span) => {
        c.set('traceId', span.traceId);
        await next();
        const route = matchedRoute(c)?.path ?? 'unmatched';
        const { status } = c.res;
        span.rename(`${method} ${route}`);
        span.set({ 'http.route': route, 'http.response.status_code': status });
        if (status >= 500) span.fail(String(status));
        metrics.count('itsor_http_requests_total', { method, route, status: String(status) });
        metrics.observe(
          'itsor_http_request_duration_seconds',
          { method, route },
          (monotonicMs() - startMs) / 1000,
        );
      },
    );
    flushLater(defer);
  });
