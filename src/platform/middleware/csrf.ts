import { createMiddleware } from 'hono/factory';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import { type CredentialConfig, carriesBearerToken } from '../http/identify.ts';

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const ownSites: ReadonlySet<string> = new Set(['same-origin', 'none']);

type Options = { readonly allowedOrigins: readonly string[]; readonly credential: CredentialConfig };

/**
 * Refuses unsafe requests that another site makes a browser send, logins included (OWASP ASVS 5.0, 3.5.1).
 * A browser tells where a request comes from by Origin, or by Sec-Fetch-Site where there is no Origin; who
 * sends neither is no browser. A page of another site cannot add an Authorization header without a preflight.
 */
export const csrf = ({ allowedOrigins, credential }: Options) => {
  const allowed = new Set(allowedOrigins);

  return createMiddleware<AppEnv>(async function csrf(c, next) {
    if (safeMethods.has(c.req.method) || carriesBearerToken(c, credential)) return next();
    const origin = c.req.header('Origin');
    const site = c.req.header('Sec-Fetch-Site');
    const isOwn =
      origin === undefined
        ? site === undefined || ownSites.has(site)
        : allowed.has(origin) || origin === new URL(c.req.url).origin;
    if (!isOwn) throw new AppError('csrf_rejected');
    return next();
  });
};
