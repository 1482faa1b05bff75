import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';
import { noContentPolicy } from '../http/content-security-policy.ts';

/**
 * The headers of every response (OWASP ASVS 5.0, 3.4 and 3.5); HSTS only where the configuration is strict. They are
 * set before the handler: afterwards each would cost a copy of the response.
 */
export const securityHeaders = ({ strict }: { strict: boolean }) =>
  createMiddleware<AppEnv>(async function securityHeaders(c, next) {
    c.header('Content-Security-Policy', noContentPolicy);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Permissions-Policy', 'camera=(), geolocation=(), microphone=()');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    // Stops images, scripts and the like of other sites (3.5.8); what CORS lets in does not pass by this.
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
    c.header('X-Frame-Options', 'DENY');
    // Nothing is kept on the way or by a browser but the few public documents, which say so themselves.
    c.header('Cache-Control', 'no-store');
    if (strict) c.header('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
    await next();
  });
