import { type SQL, sql } from 'drizzle-orm';
import { isChanged, lockAuthority } from '../administration/sql/authority.ts';
import { insertAudit, noOne } from '../audit/sql/audit-rows.ts';
import type { PermittedContext } from '../platform/context.ts';
import type { Database } from '../platform/db/client.ts';
import type { Refusal } from '../platform/refusals.ts';
import type { Slice } from '../platform/rules/page.ts';
import {
  administrativePermissions,
  adminRole,
  builtInRoles,
  type Permission,
  signUpRole,
} from '../platform/rules/permissions.ts';
import type { Preconditions } from '../platform/rules/preconditions.ts';
import { type Gate, refusalOf } from '../sessions/sql/gate.ts';
import type { Role } from './rules/role.ts';

type RoleRow = { name: string; permissions: string[]; created_at: Date; version: string };

const roleColumns: SQL = sql`r.name, r.permissions, r.created_at, r.xmin::text as version`;

const toRole = ({ created_at, ...row }: RoleRow): Role => ({
  ...row,
  createdAt: created_at,
  builtIn: (builtInRoles as readonly string[]).includes(row.name),
});

export type PutOutcome =
  | { readonly kind: 'created' | 'changed'; readonly role: Role }
  | { readonly kind: 'refused'; readonly refusal: Exclude<Refusal, null> };

const holdersOf = (name: string): SQL => sql`from user_roles held where held.role_name = ${name}`;

/** What giving a role those permissions adds and removes, and whether accounts have the role, as `change`. */
const changeTo = (name: string, given: SQL): SQL => sql`
  change as (
    select array(select unnest(${given}) except select unnest(permissions) from existing) as added,
      array(select unnest(permissions) from existing except select unnest(${given})) as removed,
      exists (select ${holdersOf(name)}) as is_held
  )`;

/**
 * Why the actor may not make that change. To add is to give to every holder, and so it asks for what an edit of each
 * would; to remove asks for nothing of what others hold, so that no accomplice can stand in the way of it.
 */
const changeRefusal = (name: string, given: SQL): SQL => sql`
  when not change.removed <@ gate.permissions then 'role_holds_more'
  when not ${given} <@ gate.permissions and (change.added <> '{}' or change.removed = '{}') then 'grants_more'
  when ${name === signUpRole}::boolean and change.added && ${sql.param(administrativePermissions)}::text[] then 'sign_up_role'
  when change.is_held and (change.added || change.removed) <> '{}' and not 'users:write' = any(gate.permissions)
    then 'role_is_held'
  when change.added <> '{}' and exists (
    select from user_roles held join user_roles other on other.user_id = held.user_id join roles r on r.name = other.role_name
    where held.role_name = ${name} and not r.permissions <@ gate.permissions) then 'holder_holds_more'
  when exists (select ${holdersOf(name)} and held.user_id = gate.user_id) and not change.removed <@ array(
    select unnest(r.permissions) from user_roles other join roles r on r.name = other.role_name
    where other.user_id = gate.user_id and other.role_name <> ${name}) then 'own_authority'`;

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type RoleRepository = ReturnType<typeof createRoleRepository>;

export const createRoleRepository = (db: Database, { newId, gate }: Options) => {
  const existing = (name: string): SQL => sql`
    existing as (select r.name, r.permissions, r.xmin::text as version from roles r where r.name = ${name})`;

  return {
    /** For what is not in the database but asks for a permission. */
    authorize: async (ctx: PermittedContext): Promise<Refusal> => {
      const [row] = await db.execute<{ refusal: Refusal }>(
        ctx,
        sql`with ${gate.permitted(ctx)} select gate.refusal from gate`,
      );
      return refusalOf(row);
    },

    /** Roles in the order of their names; `after` is the last one seen. */
    list: async (
      ctx: PermittedContext,
      { after, limit }: Slice,
    ): Promise<{ refusal: Refusal; roles: Role[] }> => {
      const rows = await db.execute<RoleRow & { refusal: Refusal }>(
        ctx,
        sql`
          with ${gate.permitted(ctx)}
          select gate.refusal, r.* from gate left join lateral (
            select ${roleColumns} from roles r ${after === null ? sql`` : sql`where r.name > ${after}`}
            order by r.name limit ${limit}
          ) r on gate.refusal is null
          order by r.name`,
      );
      return {
        refusal: refusalOf(rows[0]),
        roles: rows.filter(({ name }) => name !== null).map(toRole),
      };
    },

    find: async (ctx: PermittedContext, name: string): Promise<{ refusal: Refusal; role: Role | null }> => {
      const [row] = await db.execute<RoleRow & { refusal: Refusal }>(
        ctx,
        sql`
          with ${gate.permitted(ctx)}
          select gate.refusal, ${roleColumns} from gate left join roles r on gate.refusal is null and r.name = ${name}`,
      );
      return {
        refusal: refusalOf(row),
        role: row && row.name !== null ? toRole(row) : null,
      };
    },

    /** Creates a role or replaces its permissions, which gives to and takes from every account that has it. */
    put: async (
      ctx: PermittedContext,
      name: string,
      permissions: readonly Permission[],
      { ifMatch, mustExist, mustNotExist }: Preconditions,
    ): Promise<PutOutcome> => {
      const given = sql`${sql.param(permissions)}::text[]`;
      const event = (type: 'role.created' | 'role.changed') =>
        insertAudit(ctx, {
          id: newId(ctx.now),
          type,
          actor: sql`(select user_id from gate)`,
          subject: noOne,
          details: sql`jsonb_build_object('role', ${name}::text, 'permissions', ${given},
            'permissions_before', coalesce(to_jsonb((select permissions from existing)), '[]'::jsonb),
            'holders', (select count(*) ${holdersOf(name)}))`,
        });
      const [, [verdict], [row]] = (await db.transaction(ctx, [
        lockAuthority(gate, ctx),
        sql`
          with ${gate.permitted(ctx)}, ${existing(name)}, ${changeTo(name, given)}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when ${mustNotExist}::boolean and existing.name is not null then 'changed'
              when ${mustExist}::boolean and existing.name is null then 'changed'
              when ${isChanged(sql`existing.version`, ifMatch)} then 'changed'
              when existing.name = ${adminRole} then 'built_in'
              ${changeRefusal(name, given)} end as refusal,
              existing.name is null as is_new,
              existing.name is null or (change.added || change.removed) <> '{}' as is_change
            from gate cross join change left join existing on true
          ), written as (
            insert into roles (name, permissions, created_at)
            select ${name}::text, ${given}, ${ctx.now}::timestamptz from verdict
            where verdict.refusal is null and verdict.is_change
            on conflict (name) do update set permissions = excluded.permissions
            returning name
          ), created as (
            ${event('role.created')} from written, verdict where verdict.is_new
          ), changed as (
            ${event('role.changed')} from written, verdict where not verdict.is_new
          )
          select verdict.refusal, verdict.is_new from verdict`,
        sql`select ${roleColumns} from roles r where r.name = ${name}`,
      ])) as [unknown, { refusal: Refusal; is_new: boolean }[], RoleRow[]];
      const refusal = refusalOf(verdict);
      if (refusal !== null) return { kind: 'refused', refusal };
      if (!row) throw new Error('a role that was written is not there');
      return { kind: verdict?.is_new ? 'created' : 'changed', role: toRole(row) };
    },

    /** Deletes a role that no account has. */
    remove: async (
      ctx: PermittedContext,
      name: string,
      ifMatch: readonly string[] | null,
    ): Promise<Refusal> => {
      const event = {
        id: newId(ctx.now),
        type: 'role.deleted',
        actor: sql`(select user_id from gate)`,
        subject: noOne,
        details: sql`jsonb_build_object('role', gone.name, 'permissions_before', gone.permissions)`,
      } as const;
      const [, [verdict]] = (await db.transaction(ctx, [
        lockAuthority(gate, ctx),
        sql`
          with ${gate.permitted(ctx)}, ${existing(name)}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when existing.name is null then 'not_found'
              when ${isChanged(sql`existing.version`, ifMatch)} then 'changed'
              when existing.name = any(${sql.param(builtInRoles)}::text[]) then 'built_in'
              when not existing.permissions <@ gate.permissions then 'role_holds_more'
              when exists (select from user_roles ur where ur.role_name = existing.name) then 'in_use' end as refusal
            from gate left join existing on true
          ), gone as (
            delete from roles r using verdict where verdict.refusal is null and r.name = ${name}
            returning r.name, r.permissions
          ), audited as (
            ${insertAudit(ctx, event)} from gone
          )
          select verdict.refusal from verdict`,
      ])) as [unknown, { refusal: Refusal }[]];
      return refusalOf(verdict);
    },
  };
};
