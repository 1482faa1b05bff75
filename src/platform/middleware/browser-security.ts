import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import { noContentPolicy } from '../http/content-security-policy.ts';
import { type CredentialConfig, carriesBearerToken } from '../http/identify.ts';
import type { OriginCheck } from '../rules/origins.ts';

/**
 * Sets the headers of every response (OWASP ASVS 5.0, 3.4 and 3.5); HSTS only where the configuration is strict. It sets
 * them before the handler runs: afterwards each header would cost a copy of the response.
 */
export const securityHeaders = ({ strict }: { strict: boolean }) =>
  createMiddleware<AppEnv>(async function securityHeaders(c, next) {
    c.header('Content-Security-Policy', noContentPolicy);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Permissions-Policy', 'camera=(), geolocation=(), microphone=()');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    // Other sites cannot embed a response (3.5.8); requests that CORS allows are exempt.
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
    c.header('X-Frame-Options', 'DENY');
    // The few public documents override this.
    c.header('Cache-Control', 'no-store');
    if (strict) c.header('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
    await next();
  });

const preflightMaxAgeSeconds = 600; // Chromium keeps at most two hours; a change should reach people sooner
const exposedHeaders =
  'X-Request-ID, RateLimit, RateLimit-Policy, Retry-After, ETag, Location, Content-Disposition, Content-Range, Accept-Ranges';
/** What the service reads of a request, beside the headers of tokens and checksums. */
const acceptedHeaders = [
  'Content-Type',
  'X-Request-ID',
  'If-Match',
  'If-None-Match',
  'Range',
  'If-Range',
  'traceparent',
  'tracestate',
];
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';

export type CorsOptions = {
  readonly isAllowedOrigin: OriginCheck;
  readonly requestHeaders: readonly string[];
};

/**
 * Allows cross-origin reads with credentials to the configured origins (the CORS protocol of the Fetch standard). Hono's
 * own middleware allows credentials to every origin and answers every OPTIONS request; here a foreign origin gets no
 * Access-Control header at all.
 */
export const cors = ({ isAllowedOrigin, requestHeaders }: CorsOptions) => {
  const allowedHeaders = [...new Set([...acceptedHeaders, ...requestHeaders])].join(', ');

  return createMiddleware<AppEnv>(async function cors(c, next) {
    c.header('Vary', 'Origin');
    const origin = c.req.header('Origin');
    const isAllowed = origin !== undefined && isAllowedOrigin(origin);
    if (isAllowed) {
      c.header('Access-Control-Allow-Origin', origin);
      c.header('Access-Control-Allow-Credentials', 'true');
      c.header('Access-Control-Expose-Headers', exposedHeaders);
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
    } else logRefused(c, origin);
    return c.body(null, 204);
  });
};

/** A host name has at most 253 characters (RFC 1035 section 2.3.4); a scheme and a port stand beside it. */
const maxOriginLength = 280;

/** The pages of an app have the app's own scheme, of which the URL standard knows no origin. */
const appOrigin = /^[a-z][a-z\d+.-]*:\/\/[a-z\d.-]+(?::\d+)?$/i;

/** Only what has the form of an origin is repeated: anybody can send this text, and a log acts on some characters. */
const shown = (origin: string): string =>
  origin.length <= maxOriginLength && (URL.parse(origin)?.origin === origin || appOrigin.test(origin))
    ? `the origin ${origin}`
    : 'a page without an origin';

/** For the person whose own frontend is refused: the browser tells them nothing. */
const logRefused = (c: Context<AppEnv>, origin: string): void =>
  c.var.ctx.log.warn('origin_refused', {
    request_id: c.var.ctx.requestId,
    detail: `${shown(origin)} is not one of ALLOWED_ORIGINS`,
  });

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const ownSites: ReadonlySet<string> = new Set(['same-origin', 'none']);

type CsrfOptions = Pick<CorsOptions, 'isAllowedOrigin'> & {
  /** The origin that our own pages have behind a proxy; null: that of the request. */
  readonly apiOrigin: string | null;
  readonly credential: CredentialConfig;
};

/**
 * Refuses unsafe requests that another site makes a browser send, logins included (OWASP ASVS 5.0, 3.5.1). Every browser
 * sends Origin or Sec-Fetch-Site, and a page of another site cannot add an Authorization header without a preflight.
 */
export const csrf = ({ isAllowedOrigin, apiOrigin, credential }: CsrfOptions) =>
  createMiddleware<AppEnv>(async function csrf(c, next) {
    if (safeMethods.has(c.req.method) || carriesBearerToken(c, credential)) return next();
    const origin = c.req.header('Origin');
    const site = c.req.header('Sec-Fetch-Site');
    const isOwn =
      origin === undefined
        ? site === undefined || ownSites.has(site)
        : isAllowedOrigin(origin) || origin === apiOrigin || origin === new URL(c.req.url).origin;
    if (isOwn) return next();
    if (origin === undefined) throw new AppError('csrf_rejected');
    logRefused(c, origin);
    throw new AppError('csrf_rejected', {
      detail: `The request comes from ${shown(origin)}, which is not allowed; ALLOWED_ORIGINS lists the origins that are.`,
    });
  });
