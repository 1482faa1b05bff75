import { Hono } from 'hono';
import type { AppEnv } from '../platform/http/app-env.ts';
import { expositionType } from './rules/exposition.ts';

const bearer = /^Bearer ([\x21-\x7e]+)$/i;

type MetricsServices = { readonly scrape: (token: string | undefined) => Promise<string> };

/** For Prometheus, by its own token and nobody's session. */
export const metricsRoutes = ({ scrape }: MetricsServices) =>
  new Hono<AppEnv>().get('/metrics', async (c) => {
    const text = await scrape(bearer.exec(c.req.header('Authorization') ?? '')?.[1]);
    return c.body(text, 200, { 'Content-Type': expositionType });
  });
