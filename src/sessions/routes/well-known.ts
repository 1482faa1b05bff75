import { Hono } from 'hono';
import type { JWK } from 'jose';
import type { AppEnv } from '../../platform/http/app-env.ts';

export type WellKnownServices = { readonly jwks: () => Promise<{ keys: JWK[] }> };

/** The public keys of the access tokens (RFC 7517), under `/.well-known`. */
export const wellKnownRoutes = ({ jwks }: WellKnownServices) =>
  new Hono<AppEnv>().get('/jwks.json', async (c) => {
    c.header('Cache-Control', 'public, max-age=300');
    return c.json(await jwks());
  });
