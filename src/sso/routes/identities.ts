import type { SessionContext } from '../../platform/context.ts';
import { route } from '../../platform/http/route.ts';
import { IdentityList, IdentityParams, identityResponse } from '../schema.ts';
import type { NamedIdentity } from '../service/list.ts';

export type IdentityServices = {
  readonly list: (ctx: SessionContext) => Promise<readonly NamedIdentity[]>;
  readonly unlink: (ctx: SessionContext, id: string) => Promise<void>;
};

export const identityRoutes = ({ list, unlink }: IdentityServices) => [
  route(
    {
      method: 'GET',
      path: '/users/me/identities',
      summary: 'List your identities at providers, oldest first',
      tag: 'accounts',
      access: 'session',
      answers: { 200: { description: 'All of them', schema: IdentityList } },
      errors: ['account_disabled', 'email_not_verified'],
    },
    async (c, ctx) => c.json({ items: (await list(ctx)).map(identityResponse), next_cursor: null }, 200),
  ),
  route(
    {
      method: 'DELETE',
      path: '/users/me/identities/:id',
      summary: 'Remove an identity from your account; 409 for the last way to log in',
      tag: 'accounts',
      access: 'session',
      params: IdentityParams,
      answers: { 204: { description: 'Removed' } },
      errors: ['account_disabled', 'email_not_verified', 'not_found', 'conflict', 'validation_failed'],
    },
    async (c, ctx) => {
      await unlink(ctx, c.req.valid('param').id);
      return c.body(null, 204);
    },
  ),
];
