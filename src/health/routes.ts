import type { RequestContext } from '../platform/context.ts';
import { route } from '../platform/http/route.ts';
import { Health, Readiness } from './schema.ts';
import type { Observed, ReadinessReport } from './service.ts';

/** Answers without any configuration. */
export const livenessRoute = route(
  {
    method: 'GET',
    path: '/healthz',
    summary: 'Check that the process answers, configured or not',
    tag: 'service',
    access: 'anyone',
    rate: 'unlimited',
    answers: { 200: { description: 'The process answers', schema: Health } },
    errors: [],
  },
  (c) => c.json({ status: 'ok' as const }, 200),
);

export type HealthServices = {
  readonly readiness: (ctx: RequestContext, observed: Observed) => Promise<ReadinessReport>;
};

export const healthRoutes = ({ readiness }: HealthServices) => [
  route(
    {
      method: 'GET',
      path: '/health',
      summary: 'Check that the service answers',
      tag: 'service',
      access: 'anyone',
      rate: 'unlimited',
      answers: { 200: { description: 'The service answers', schema: Health } },
      errors: [],
    },
    (c) => c.json({ status: 'ok' as const }, 200),
  ),
  route(
    {
      method: 'GET',
      path: '/readyz',
      summary: 'Check every part that a request may need',
      tag: 'service',
      access: 'anyone',
      rate: 'readiness',
      answers: {
        200: { description: 'Every part that all requests need answers', schema: Readiness },
        503: { description: 'A part that all requests need does not answer', schema: Readiness },
      },
      errors: [],
    },
    async (c, ctx) => {
      const durableObjects = c.var.limiterAnswered ?? false;
      const { status, checks, deadLetters, version } = await readiness(ctx, { durableObjects });
      const isReady = status !== 'unavailable';
      if (!isReady) c.header('Retry-After', '5');
      return c.json({ status, version, checks, dead_letters: { uploads: deadLetters } }, isReady ? 200 : 503);
    },
  ),
];
