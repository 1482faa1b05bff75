import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';

const preflightMaxAgeSeconds = 600; // the most that Chromium keeps is two hours; a change should reach people sooner
const exposed =
  'X-Request-ID, RateLimit, RateLimit-Policy, Retry-After, ETag, Location, Content-Disposition, Content-Range, Accept-Ranges';
const taken = ['Content-Type', 'X-Request-ID', 'If-Match', 'If-None-Match', 'Range', 'If-Range'];
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';

export type CorsOptions = {
  readonly allowedOrigins: readonly string[];
  readonly requestHeaders: readonly string[];
};

/**
 * Cross-origin reads with credentials, for the exact origins of the configuration and nobody else (the
 * CORS protocol of the Fetch standard). Hono's own middleware tells every origin that credentials are allowed and answers
 * every OPTIONS request; here a foreign origin gets no Access-Control header at all.
 */
export const cors = ({ allowedOrigins, requestHeaders }: CorsOptions) => {
  const allowed = new Set(allowedOrigins);
  const allowedHeaders = [...new Set([...taken, ...requestHeaders])].join(', ');

  return createMiddleware<AppEnv>(async function cors(c, next) {
    c.header('Vary', 'Origin');
    const origin = c.req.header('Origin');
    const isAllowed = origin !== undefined && allowed.has(origin);
    if (isAllowed) {
      c.header('Access-Control-Allow-Origin', origin);
      c.header('Access-Control-Allow-Credentials', 'true');
      c.header('Access-Control-Expose-Headers', exposed);
    }
    const isPreflight =
      c.req.method === 'OPTIONS' &&
      origin !== undefined &&
      c.req.header('Access-Control-Request-Method') !== undefined;
    if (!isPreflight) return next();

    if (isAllowed) {
      c.header('Access-Control-Allow-Methods', methods);
      c.header('Access-Control-Allow-Headers', allowedHeaders);
      c.header('Access-Control-Max-Age', String(preflightMaxAgeSeconds));
    }
    return c.body(null, 204);
  });
};
