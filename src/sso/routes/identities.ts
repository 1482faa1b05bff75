import { Hono, type MiddlewareHandler } from 'hono';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { validate } from '../../platform/http/validate.ts';
import { IdentityParams, identityResponse } from '../schema.ts';
import type { NamedIdentity } from '../service/list.ts';

export type IdentityServices = {
  readonly list: (ctx: RequestContext) => Promise<readonly NamedIdentity[]>;
  readonly unlink: (ctx: RequestContext, id: string) => Promise<void>;
};

/** One's own identities at providers, under `/users/me/identities`. */
export const identityRoutes = ({ list, unlink }: IdentityServices, login: MiddlewareHandler<AppEnv>) =>
  new Hono<AppEnv>()
    .get('/', login, async (c) => {
      return c.json({ items: (await list(c.var.ctx)).map(identityResponse), next_cursor: null });
    })
    .delete('/:id', login, validate('param', IdentityParams), async (c) => {
      await unlink(c.var.ctx, c.req.valid('param').id);
      return c.body(null, 204);
    });
