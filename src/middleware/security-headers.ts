import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';

const contentSecurityPolicy = (nonce: string | undefined): string =>
  nonce === undefined
    ? "default-src 'none'; frame-ancestors 'none'"
    : [
        "default-src 'none'",
        `script-src 'nonce-${nonce}'`,
        `style-src 'nonce-${nonce}'`,
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ].join('; ');

/** The headers of every response (OWASP ASVS 5.0, 3.4). HSTS only where the configuration is strict. */
export const securityHeaders = ({ strict }: { strict: boolean }) =>
  createMiddleware<AppEnv>(async function securityHeaders(c, next) {
    await next();
    c.header('Content-Security-Policy', contentSecurityPolicy(c.var.cspNonce));
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Permissions-Policy', 'camera=(), geolocation=(), microphone=()');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('X-Frame-Options', 'DENY');
    if (strict) c.header('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
  });
