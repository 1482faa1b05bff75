import { AppError } from '../platform/errors.ts';
import { route } from '../platform/http/route.ts';
import { introspectionResponse, presentedClient } from './http.ts';
import { IntrospectForm, IntrospectionResponse } from './schema.ts';
import type { Introspection } from './service.ts';

export const introspectionRoutes = ({ isOffered, authenticate, introspect }: Introspection) => [
  route(
    {
      method: 'POST',
      path: '/auth/introspect',
      summary: 'Ask whether an access token is good and its session lives (RFC 7662)',
      description:
        'For services of INTROSPECTION_CLIENTS, which authenticate by HTTP Basic or by `client_id` and `client_secret` in the form; without such services the route is not there. Every token that is not good, or is meant for another audience than that of the service, is `{"active":false}`. A failure is 503 and says nothing about the token.',
      tag: 'sessions',
      access: 'client',
      // The secret may stand in the body, so it is checked after it.
      admit: async () => {
        if (!isOffered) throw new AppError('not_found');
      },
      rate: 'introspection',
      oauthForm: IntrospectForm,
      answers: { 200: { description: 'What the token stands for now', schema: IntrospectionResponse } },
      errors: ['invalid_client', 'not_found', 'validation_failed'],
      budget: { trips: 0, objects: 1 },
    },
    async (c, ctx) => {
      const form = c.req.valid('form');
      const client = await authenticate(presentedClient(c.req.header('Authorization'), form));
      return c.json(introspectionResponse(await introspect(ctx, client, form.token)), 200);
    },
  ),
];
