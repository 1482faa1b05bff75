import { readPreconditions, setEntityTag } from '../platform/http/preconditions.ts';
import { route } from '../platform/http/route.ts';
import { pageResponse } from '../platform/schema/page.ts';
import {
  PermissionList,
  PutRoleBody,
  RoleList,
  RoleParams,
  RoleQuery,
  Role as RoleSchema,
  roleResponse,
} from './schema.ts';
import type { Roles } from './service.ts';

export const roleRoutes = (roles: Roles) => [
  route(
    {
      method: 'GET',
      path: '/permissions',
      summary: 'List everything that a role can allow',
      description:
        'The list is closed: it changes only with a release. Use it to offer choices when a role is edited.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'roles:read',
      answers: { 200: { description: 'All permissions', schema: PermissionList } },
      errors: [],
    },
    async (c, ctx) => c.json({ items: await roles.permissions(ctx), next_cursor: null }, 200),
  ),
  route(
    {
      method: 'GET',
      path: '/roles',
      summary: 'List roles in the order of their names',
      description: 'Each role comes with its permissions. Follow `next_cursor` until it is null.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'roles:read',
      query: RoleQuery,
      answers: { 200: { description: 'A page of roles', schema: RoleList } },
      errors: ['validation_failed'],
    },
    async (c, ctx) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(pageResponse(await roles.list(ctx, { cursor, limit }), roleResponse), 200);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/roles/:name',
      summary: 'Read a role; its ETag serves as If-Match',
      description:
        "Call it before an edit and send its ETag back as If-Match, so that you do not overwrite another person's change.",
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'roles:read',
      params: RoleParams,
      answers: { 200: { description: 'The role', schema: RoleSchema } },
      tagged: true,
      errors: ['not_found', 'validation_failed'],
    },
    async (c, ctx) => {
      const role = await roles.read(ctx, c.req.valid('param').name);
      setEntityTag(c, role.version);
      return c.json(roleResponse(role), 200);
    },
  ),
  route(
    {
      method: 'PUT',
      path: '/roles/:name',
      summary:
        'Create a role (201) or replace its permissions (200) with permissions that you have; a role that accounts have needs users:write too',
      description:
        'The body is the whole set of permissions, so it can be repeated. If-None-Match: * only creates; If-Match only replaces the version that was read. A change counts in Itsor on the next request of every account with the role; what /auth/me shows, and what other services are told, follows within SESSION_CACHE_SECONDS.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'roles:write',
      params: RoleParams,
      json: PutRoleBody,
      answers: {
        200: { description: 'The role', schema: RoleSchema },
        201: { description: 'The new role', schema: RoleSchema },
      },
      conditional: ['If-Match', 'If-None-Match'],
      tagged: true,
      errors: ['conflict', 'precondition_failed', 'validation_failed'],
    },
    async (c, ctx) => {
      const { permissions } = c.req.valid('json');
      const { role, isNew } = await roles.put(
        ctx,
        c.req.valid('param').name,
        permissions,
        readPreconditions(c),
      );
      setEntityTag(c, role.version);
      return c.json(roleResponse(role), isNew ? 201 : 200);
    },
  ),
  route(
    {
      method: 'DELETE',
      path: '/roles/:name',
      summary: 'Delete a role that no account has',
      description:
        'Take the role from its accounts first: one that an account has is answered 409 `conflict`, as are the roles that Itsor itself needs.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'roles:write',
      params: RoleParams,
      answers: { 204: { description: 'Deleted' } },
      conditional: ['If-Match'],
      errors: ['not_found', 'conflict', 'precondition_failed', 'validation_failed'],
    },
    async (c, ctx) => {
      await roles.remove(ctx, c.req.valid('param').name, readPreconditions(c).ifMatch);
      return c.body(null, 204);
    },
  ),
];
