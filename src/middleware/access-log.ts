import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { AppEnv } from '../http/app-env.ts';

/** One line a request. The matched route is logged, never the path: a path can hold what a client made up. */
export const accessLog = (clock: () => Date) =>
  createMiddleware<AppEnv>(async function accessLog(c, next) {
    await next();
    const { ctx } = c.var;
    const level = c.req.path === '/healthz' ? 'debug' : 'info'; // a probe every second would drown the rest
    ctx.log[level]('request', {
      request_id: ctx.requestId,
      method: c.req.method,
      route: routePath(c, -1),
      status: c.res.status,
      duration_ms: clock().getTime() - ctx.now.getTime(),
      user_id: c.var.userId ?? null,
    });
  });
