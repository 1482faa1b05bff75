import { Hono } from 'hono';
import type { RequestContext } from '../platform/context.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import type { Observed, ReadinessReport } from './service.ts';

/** Whether the process answers at all; needs no configuration. */
export const livenessRoutes = () => new Hono<AppEnv>().get('/healthz', (c) => c.json({ status: 'ok' }));

export type HealthServices = {
  readonly readiness: (ctx: RequestContext, observed: Observed) => Promise<ReadinessReport>;
};

export const healthRoutes = ({ readiness }: HealthServices) =>
  new Hono<AppEnv>()
    .get('/health', (c) => c.json({ status: 'ok' }))
    .get('/readyz', async (c) => {
      const { status, checks, deadLetters, version } = await readiness(c.var.ctx, {
        durableObjects: c.var.limiterAnswered ?? false,
      });
      const isReady = status !== 'unavailable';
      if (!isReady) c.header('Retry-After', '5');
      return c.json({ status, version, checks, dead_letters: { uploads: deadLetters } }, isReady ? 200 : 503);
    });
