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
