import type { JWK } from 'jose';
import { route } from '../../platform/http/route.ts';

export type WellKnownServices = { readonly jwks: () => Promise<{ keys: JWK[] }> };

export const wellKnownRoutes = ({ jwks }: WellKnownServices) => [
  route(
    {
      method: 'GET',
      path: '/.well-known/jwks.json',
      summary: 'Read the public keys of the access tokens (RFC 7517)',
      tag: 'service',
      access: 'anyone',
      rate: 'unlimited',
      answers: {
        200: {
          description: 'A JWK set; empty under HS256, HS384 and HS512',
          mediaType: 'application/json',
        },
      },
      errors: [],
    },
    async (c) => {
      c.header('Cache-Control', 'public, max-age=300');
      return c.json(await jwks(), 200);
    },
  ),
];
