// Plain JavaScript: its packages are not installed where the type checker would look for them.
import { neon, neonConfig } from '@neondatabase/serverless';
import { betterAuth } from 'better-auth';
import { drizzleAdapter } from 'better-auth/adapters/drizzle';
import { drizzle } from 'drizzle-orm/neon-http';
import { boolean, pgSchema, text, timestamp } from 'drizzle-orm/pg-core';

const { table } = pgSchema('better_auth');
const instant = (name) => timestamp(name, { withTimezone: true });
const base = {
  id: text('id').primaryKey(),
  createdAt: instant('created_at'),
  updatedAt: instant('updated_at'),
};

const schema = {
  user: table('user', {
    ...base,
    name: text('name'),
    email: text('email'),
    emailVerified: boolean('email_verified'),
    image: text('image'),
  }),
  session: table('session', {
    ...base,
    token: text('token'),
    userId: text('user_id'),
    expiresAt: instant('expires_at'),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
  }),
  account: table('account', {
    ...base,
    accountId: text('account_id'),
    providerId: text('provider_id'),
    userId: text('user_id'),
    accessToken: text('access_token'),
    refreshToken: text('refresh_token'),
    idToken: text('id_token'),
    accessTokenExpiresAt: instant('access_token_expires_at'),
    refreshTokenExpiresAt: instant('refresh_token_expires_at'),
    scope: text('scope'),
    password: text('password'),
  }),
  verification: table('verification', {
    ...base,
    identifier: text('identifier'),
    value: text('value'),
    expiresAt: instant('expires_at'),
  }),
};

/**
 * As its documentation sets it up, and without its rate limit: it counts in the memory of one isolate. With
 * COOKIE_CACHE_SECONDS a session is believed for so long without the database.
 */
const createAuth = (env, baseURL) => {
  neonConfig.fetchEndpoint = () => env.NEON_HTTP_ENDPOINT;
  return betterAuth({
    database: drizzleAdapter(drizzle(neon(env.DATABASE_URL)), { provider: 'pg', schema }),
    secret: env.BETTER_AUTH_SECRET,
    baseURL,
    emailAndPassword: { enabled: true },
    session: cookieCache(Number(env.COOKIE_CACHE_SECONDS)),
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: 'error' },
  });
};

const cookieCache = (seconds) => (seconds > 0 ? { cookieCache: { enabled: true, maxAge: seconds } } : {});

let auth;

export default {
  fetch: (request, env) => {
    const { origin, pathname } = new URL(request.url);
    if (pathname === '/healthz') return new Response('ok');
    auth ??= createAuth(env, origin);
    return auth.handler(request);
  },
};
