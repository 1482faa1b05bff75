import { Hono } from 'hono';
import type { RequestContext } from '../platform/context.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { readPreconditions, setEntityTag } from '../platform/http/preconditions.ts';
import { validate } from '../platform/http/validate.ts';
import type { RequirePermission } from '../platform/middleware/authenticate.ts';
import type { Page, PageRequest } from '../platform/rules/page.ts';
import type { Permission } from '../platform/rules/permissions.ts';
import type { Preconditions } from '../platform/rules/preconditions.ts';
import { pageResponse } from '../platform/schema/page.ts';
import type { Role } from './rules/role.ts';
import { PutRoleBody, RoleParams, RoleQuery, roleResponse } from './schema.ts';
import type { PermissionEntry } from './service/permissions.ts';

export type RoleServices = {
  readonly list: (ctx: RequestContext, page: PageRequest) => Promise<Page<Role>>;
  readonly read: (ctx: RequestContext, name: string) => Promise<Role>;
  readonly put: (
    ctx: RequestContext,
    name: string,
    permissions: readonly Permission[],
    preconditions: Preconditions,
  ) => Promise<{ role: Role; isNew: boolean }>;
  readonly remove: (ctx: RequestContext, name: string, ifMatch: Preconditions['ifMatch']) => Promise<void>;
  readonly permissions: (ctx: RequestContext) => Promise<readonly PermissionEntry[]>;
};

/** Roles and what they can allow, under `/roles` and `/permissions`. */
export const roleRoutes = (roles: RoleServices, requirePermission: RequirePermission) =>
  new Hono<AppEnv>()
    .get('/permissions', requirePermission('roles:read'), async (c) =>
      c.json({ items: await roles.permissions(c.var.ctx), next_cursor: null }),
    )
    .get('/roles', requirePermission('roles:read'), validate('query', RoleQuery), async (c) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(pageResponse(await roles.list(c.var.ctx, { cursor, limit }), roleResponse));
    })
    .get('/roles/:name', requirePermission('roles:read'), validate('param', RoleParams), async (c) => {
      const role = await roles.read(c.var.ctx, c.req.valid('param').name);
      setEntityTag(c, role.version);
      return c.json(roleResponse(role));
    })
    .put(
      '/roles/:name',
      requirePermission('roles:write'),
      validate('param', RoleParams),
      validate('json', PutRoleBody),
      async (c) => {
        const { permissions } = c.req.valid('json');
        const { name } = c.req.valid('param');
        const { role, isNew } = await roles.put(c.var.ctx, name, permissions, readPreconditions(c));
        setEntityTag(c, role.version);
        return c.json(roleResponse(role), isNew ? 201 : 200);
      },
    )
    .delete('/roles/:name', requirePermission('roles:write'), validate('param', RoleParams), async (c) => {
      await roles.remove(c.var.ctx, c.req.valid('param').name, readPreconditions(c).ifMatch);
      return c.body(null, 204);
    });
