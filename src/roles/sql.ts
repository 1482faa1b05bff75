import { type SQL, sql } from 'drizzle-orm';
import { authorize, gateActor, isChanged, lockAuthority } from '../administration/sql/authority.ts';
import { insertAudit, noOne } from '../audit/sql/audit-rows.ts';
import type { PermittedContext } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import type { Refusal } from '../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../platform/rules/page.ts';
import {
  administrativePermissions,
  adminRole,
  builtInRoles,
  type Permission,
  signUpRole,
} from '../platform/rules/permissions.ts';
import type { Preconditions } from '../platform/rules/preconditions.ts';
import { passed, type StatementParts } from '../sessions/sql/gate.ts';
import type { Role } from './rules.ts';

type RoleRow = { name: string; permissions: string[]; created_at: Date; version: string };

const roleColumns: SQL = sql`roles.name, roles.permissions, roles.created_at, roles.xmin::text as version`;

const toRole = ({ name, permissions, created_at: createdAt, version }: RoleRow): Role => ({
  name,
  permissions,
  createdAt,
  version,
  builtIn: builtInRoles.some((builtIn) => builtIn === name),
});

/** The role of that name before the statement changes it, as `existing`. */
const existingRole = (name: string): SQL => sql`
  existing as (select ${roleColumns} from roles where roles.name = ${name})`;

/** The permissions of the holder's other roles. */
const permissionsWithout = (role: string, holder: SQL): SQL => sql`
  array(select unnest(other_role.permissions)
        from user_roles other join roles other_role on other_role.name = other.role_name
        where other.user_id = ${holder} and other.role_name <> ${role})`;

export const createRoleSql = ({ db, gate, newId }: Pick<StatementParts, 'db' | 'gate' | 'newId'>) => ({
  authorize: (ctx: PermittedContext): Promise<void> => authorize(db, gate, ctx),

  /** A page of roles in the order of their names. @throws AppError `forbidden` and what ends a session */
  list: async (ctx: PermittedContext, { cursor, limit }: PageRequest): Promise<Page<Role>> => {
    const rows = await db.execute<RoleRow & { refusal: Refusal }>(
      ctx,
      sql`
        with ${gate.permitted(ctx)}
        select gate.refusal, found.* from gate left join lateral (
          select ${roleColumns} from roles ${cursor === null ? sql`` : sql`where roles.name > ${cursor}`}
          order by roles.name limit ${limit + 1}
        ) found on gate.refusal is null
        order by found.name`,
    );
    passed(rows[0]);
    return pageOf(rows.filter(({ name }) => name !== null).map(toRole), limit, ({ name }) => name);
  },

  /** @throws AppError `not_found`, `forbidden` and what ends a session */
  read: async (ctx: PermittedContext, name: string): Promise<Role> => {
    const [row] = await db.execute<RoleRow & { refusal: Refusal }>(
      ctx,
      sql`
        with ${gate.permitted(ctx)}
        select gate.refusal, ${roleColumns}
        from gate left join roles on gate.refusal is null and roles.name = ${name}`,
    );
    const role = passed(row);
    if (role.name === null) throw new AppError('not_found');
    return toRole(role);
  },

  /**
   * Creates a role, or replaces its permissions, which changes every account that has the role.
   * @throws AppError `forbidden` where the change goes beyond the actor's own permissions, `conflict` for the role of
   * the administrators and for the actor's own access, `precondition_failed`, and what ends a session
   */
  put: async (
    ctx: PermittedContext,
    name: string,
    permissions: readonly Permission[],
    { ifMatch, mustExist, mustNotExist }: Preconditions,
  ): Promise<{ role: Role; isNew: boolean }> => {
    const given = sql`${sql.param([...new Set(permissions)].sort())}::text[]`;
    const administrative = sql`${sql.param(administrativePermissions)}::text[]`;
    const holders = sql`from user_roles held where held.role_name = ${name}`;
    const event = (type: 'role.created' | 'role.changed') =>
      insertAudit(ctx, {
        id: newId(ctx.now),
        type,
        actor: gateActor,
        subject: noOne,
        details: sql`jsonb_build_object('role', ${name}::text, 'permissions', ${given},
          'permissions_before', coalesce(to_jsonb((select permissions from existing)), '[]'::jsonb),
          'holders', (select count(*) ${holders}))`,
      });
    const [, [verdict], [row]] = (await db.transaction(ctx, [
      lockAuthority(gate, ctx),
      sql`
        with ${gate.permitted(ctx)}, ${existingRole(name)}, change as (
          select array(select unnest(${given}) except select unnest(permissions) from existing) as added,
            array(select unnest(permissions) from existing except select unnest(${given})) as removed,
            exists (select ${holders}) as is_held
        ), verdict as (
          -- A permission that is added is given to every holder, so the actor must be able to edit each of them.
          -- Removing one has no such rule: otherwise a powerful holder could keep a role from being reduced.
          select case
            when gate.refusal is not null then gate.refusal
            when ${mustNotExist}::boolean and existing.name is not null then 'changed'
            when ${mustExist}::boolean and existing.name is null then 'changed'
            when ${isChanged(sql`existing.version`, ifMatch)} then 'changed'
            when existing.name = ${adminRole} then 'built_in'
            when not change.removed <@ gate.permissions then 'role_holds_more'
            when not ${given} <@ gate.permissions and (change.added <> '{}' or change.removed = '{}')
              then 'grants_more'
            when ${name === signUpRole}::boolean and change.added && ${administrative} then 'sign_up_role'
            when change.is_held and (change.added || change.removed) <> '{}'
              and not 'users:write' = any(gate.permissions) then 'role_is_held'
            when change.added <> '{}' and exists (
              select from user_roles held join user_roles other on other.user_id = held.user_id
              join roles other_role on other_role.name = other.role_name
              where held.role_name = ${name} and not other_role.permissions <@ gate.permissions)
              then 'holder_holds_more'
            when exists (select ${holders} and held.user_id = gate.user_id)
              and not change.removed <@ ${permissionsWithout(name, sql`gate.user_id`)} then 'own_authority'
            end as refusal,
            existing.name is null as is_new,
            existing.name is null or (change.added || change.removed) <> '{}' as is_change
          from gate cross join change left join existing on true
        ), written as (
          insert into roles (name, permissions, created_at)
          select ${name}::text, ${given}, ${ctx.now}::timestamptz from verdict
          where verdict.refusal is null and verdict.is_change
          on conflict (name) do update set permissions = excluded.permissions
          returning name
        ), audited_creation as (
          ${event('role.created')} from written, verdict where verdict.is_new
        ), audited_change as (
          ${event('role.changed')} from written, verdict where not verdict.is_new
        )
        select verdict.refusal, verdict.is_new from verdict`,
      sql`select ${roleColumns} from roles where roles.name = ${name}`,
    ])) as [unknown, { refusal: Refusal; is_new: boolean }[], RoleRow[]];
    const { is_new: isNew } = passed(verdict);
    if (!row) throw new Error('a role that was written is missing');
    return { role: toRole(row), isNew };
  },

  /**
   * Deletes a role that no account has.
   * @throws AppError `not_found`, `precondition_failed`, `forbidden`, `conflict` for a role that is in use or built in,
   * and what ends a session
   */
  remove: async (ctx: PermittedContext, name: string, ifMatch: readonly string[] | null): Promise<void> => {
    const event = {
      id: newId(ctx.now),
      type: 'role.deleted',
      actor: gateActor,
      subject: noOne,
      details: sql`jsonb_build_object('role', deleted.name, 'permissions_before', deleted.permissions)`,
    } as const;
    const [, [verdict]] = (await db.transaction(ctx, [
      lockAuthority(gate, ctx),
      sql`
        with ${gate.permitted(ctx)}, ${existingRole(name)}, verdict as (
          select case
            when gate.refusal is not null then gate.refusal
            when existing.name is null then 'not_found'
            when ${isChanged(sql`existing.version`, ifMatch)} then 'changed'
            when existing.name = any(${sql.param(builtInRoles)}::text[]) then 'built_in'
            when not existing.permissions <@ gate.permissions then 'role_holds_more'
            when exists (select from user_roles held where held.role_name = existing.name) then 'in_use'
            end as refusal
          from gate left join existing on true
        ), deleted as (
          delete from roles using verdict where verdict.refusal is null and roles.name = ${name}
          returning roles.name, roles.permissions
        ), audited as (
          ${insertAudit(ctx, event)} from deleted
        )
        select verdict.refusal from verdict`,
    ])) as [unknown, { refusal: Refusal }[]];
    passed(verdict);
  },
});
