import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import { matchedRoute } from '../http/matched-route.ts';

type Deps = {
  readonly clock: () => Date;
  readonly random: () => number;
  /** Share of the successes that are logged; failures are what one looks for. */
  readonly sampleRatio: number;
};

/** One line a request. The matched route is logged, never the path: a path can hold what a client made up. */
export const accessLog = ({ clock, random, sampleRatio }: Deps) =>
  createMiddleware<AppEnv>(async function accessLog(c, next) {
    const arrivedMs = clock().getTime();
    await next();
    const { ctx, traceId } = c.var;
    const { status } = c.res;
    if (status < 400 && random() >= sampleRatio) return;
    const level = c.req.path === '/healthz' ? 'debug' : 'info'; // a probe every second would drown the rest
    ctx.log[level]('request', {
      request_id: ctx.requestId,
      method: c.req.method,
      route: matchedRoute(c)?.path ?? null,
      status,
      duration_ms: clock().getTime() - arrivedMs,
      user_id: c.var.userId ?? null,
      ...(traceId !== null && { trace_id: traceId }),
      // So that whoever counts lines can tell how many requests there were.
      ...(status < 400 && sampleRatio < 1 && { sample_ratio: sampleRatio }),
    });
  });
