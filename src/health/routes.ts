import * as z from 'zod';
import { publicDocument, route } from '../platform/http/route.ts';
import type { Health } from './service.ts';

const Liveness = z.object({ status: z.literal('ok') });

const Readiness = z.object({
  status: z.enum(['ok', 'degraded', 'unavailable']).meta({
    description:
      'degraded: uploads lack their storage or their scanner, or new passwords their dictionary, and everything else works',
  }),
  version: z.string().meta({ description: 'of the deployment that answers' }),
  checks: z.record(z.string(), z.enum(['ok', 'failing'])).meta({
    description:
      'config, database, migrations, durable_objects, hasher, password_dictionary; storage and scanner where uploads are enabled',
  }),
  dead_letters: z
    .object({ uploads: z.int().nullable() })
    .meta({ description: 'work that was given up in the last day; it does not change the status' }),
});

/** Answers without any configuration. */
export const livenessRoute = route(
  {
    ...publicDocument,
    path: '/healthz',
    summary: 'Check that the process answers, configured or not',
    description: 'For a check that the process runs. It reads no configuration and asks no other service.',
    answers: { 200: { description: 'The process answers', schema: Liveness } },
  },
  (c) => c.json({ status: 'ok' as const }, 200),
);

export const healthRoutes = ({ readiness }: Health) => [
  route(
    {
      ...publicDocument,
      path: '/health',
      summary: 'Check that the service answers',
      description:
        'For a load balancer: it answers 503 where the configuration is wrong. It asks neither the database nor any other service.',
      answers: { 200: { description: 'The service answers', schema: Liveness } },
    },
    (c) => c.json({ status: 'ok' as const }, 200),
  ),
  route(
    {
      method: 'GET',
      path: '/readyz',
      summary: 'Check every part that a request may need',
      description:
        'For monitoring and after a deployment. It asks the database, the Durable Objects and the other parts, so it is limited; do not call it every second.',
      tag: 'service',
      budget: { trips: 1, objects: 1 },
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
