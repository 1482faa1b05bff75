import * as z from 'zod';
import { permissionNames } from '../platform/rules/permissions.ts';
import { canonicalName } from '../platform/rules/typed-text.ts';
import { pageQueryBy } from '../platform/schema/page.ts';
import { Instant } from '../platform/schema/text.ts';
import type { Role as RoleRecord } from './rules.ts';

export const RoleName = z
  .string()
  .overwrite(canonicalName)
  .max(64, 'at most 64 characters')
  .regex(/^[a-z][a-z0-9_-]*$/, 'a letter, then only a-z, 0-9, "_" and "-"')
  .meta({ examples: ['support'] });

export const RoleParams = z.strictObject({ name: RoleName });
export const RoleQuery = pageQueryBy(RoleName);

export const PutRoleBody = z.strictObject({
  permissions: z
    .array(z.enum(permissionNames))
    .max(64)
    .meta({ examples: [['users:read', 'audit:read']] }),
});

export const Role = z
  .object({
    name: z.string(),
    permissions: z.array(z.string()),
    built_in: z.boolean().meta({ description: 'the service relies on the role, so it cannot be deleted' }),
    created_at: Instant,
  })
  .meta({ id: 'Role' });

export const roleResponse = (role: RoleRecord): z.infer<typeof Role> => ({
  name: role.name,
  permissions: [...role.permissions],
  built_in: role.builtIn,
  created_at: role.createdAt.toISOString(),
});

export const RoleList = z.object({ items: z.array(Role), next_cursor: z.string().nullable() });

export const PermissionList = z.object({
  items: z.array(z.object({ name: z.string(), description: z.string() })),
  next_cursor: z.null(),
});
