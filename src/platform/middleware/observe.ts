import { createMiddleware } from 'hono/factory';
import type { RequestContext } from '../context.ts';
import type { AppEnv } from '../http/app-env.ts';
import { matchedRoute } from '../http/matched-route.ts';
import type { Metrics } from '../rules/metrics.ts';
import type { Tracer } from '../rules/tracing.ts';

type Telemetry = {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly flushLater: (defer: RequestContext['defer']) => void;
  readonly monotonicMs: () => number;
};

/** The methods that metrics and traces name; any other method is `other`, because clients can invent methods. */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts, times and traces every request by its matched route, because a client can make up a path. */
export const observe = ({ metrics, tracer, flushLater, monotonicMs }: Telemetry) =>
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

type AccessLogOptions = {
  readonly clock: () => Date;
  readonly random: () => number;
  /** The share of successful requests that are logged. Failures are always logged. */
  readonly sampleRatio: number;
};

/** Logs one line per request with its matched route, because a client can make up a path. */
export const accessLog = ({ clock, random, sampleRatio }: AccessLogOptions) =>
  createMiddleware<AppEnv>(async function accessLog(c, next) {
    const arrivedMs = clock().getTime();
    await next();
    const { ctx, traceId } = c.var;
    const { status } = c.res;
    if (status < 400 && random() >= sampleRatio) return;
    const level = c.req.path === '/healthz' ? 'debug' : 'info'; // a probe every second would hide the other lines
    ctx.log[level]('request', {
      request_id: ctx.requestId,
      method: c.req.method,
      route: matchedRoute(c)?.path ?? null,
      status,
      duration_ms: clock().getTime() - arrivedMs,
      user_id: c.var.userId ?? null,
      ...(traceId !== null && { trace_id: traceId }),
      // With the ratio, the number of lines gives the number of requests.
      ...(status < 400 && sampleRatio < 1 && { sample_ratio: sampleRatio }),
    });
  });
