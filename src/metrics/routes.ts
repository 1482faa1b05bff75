import { route } from '../platform/http/route.ts';
import { expositionType } from './rules.ts';
import type { MetricsFeature } from './service.ts';

const bearer = /^Bearer ([\x21-\x7e]+)$/i;

/** Prometheus has its own token; a session gives no access. */
export const metricsRoutes = ({ scrape }: MetricsFeature) => [
  route(
    {
      method: 'GET',
      path: '/metrics',
      summary: 'Read the metrics for Prometheus; needs METRICS_TOKEN as the bearer token',
      description: 'It is there only where ENABLE_METRICS is on, and takes no session.',
      tag: 'service',
      isLocal: true,
      access: 'anyone',
      rate: 'readiness',
      answers: { 200: { description: 'Prometheus text', mediaType: expositionType } },
      errors: ['unauthenticated'],
      budget: { trips: 0, objects: 1 },
    },
    async (c) => {
      const text = await scrape(bearer.exec(c.req.header('Authorization') ?? '')?.[1]);
      return c.body(text, 200, { 'Content-Type': expositionType });
    },
  ),
];
