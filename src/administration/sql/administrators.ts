import { sql } from 'drizzle-orm';
import { rolesOf, takenBy } from '../../accounts/sql/account-rows.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { adminRole, builtInRoles } from '../../platform/rules/permissions.ts';
import { lockAuthorityOutright } from './authority.ts';

export type NewAdministrator = {
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
};

/** What became of an account that exists; null where there is none. */
export type Appointment = {
  readonly kind: 'appointed' | 'already' | 'disabled';
  readonly emailVerified: boolean;
} | null;

type Options = {
  readonly newId: (now: Date) => string;
  /** Where an appointment comes from, which the audit trail keeps in place of an actor. */
  readonly source: string;
};

/**
 * Administrators by the will of whoever holds the keys of the database. There is no actor and no gate, so this is
 * for programs of operators and no route may reach it.
 */
export const createAdministratorRepository = (db: Database, { newId, source }: Options) => ({
  /** Gives the account of an address the role `admin`, unless it is disabled; nothing else about it changes. */
  appoint: async (ctx: RequestContext, email: string): Promise<Appointment> => {
    const event = {
      id: newId(ctx.now),
      type: 'account.changed',
      actor: noOne,
      subject: sql`c.id`,
      details: sql`jsonb_build_object('source', ${source}::text, 'roles_before', to_jsonb(target.roles),
        'roles', to_jsonb(array(select name from unnest(target.roles || ${adminRole}::text) name order by name)))`,
    } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockAuthorityOutright,
      sql`
        with target as (
          select u.id, u.email_verified_at is not null as email_verified,
            ${rolesOf} as roles,
            case when u.disabled_at is not null then 'disabled'
              when exists (select from user_roles ur where ur.user_id = u.id and ur.role_name = ${adminRole}) then 'already'
              else 'appointed' end as kind
          from users u where u.email = ${email}
        ), granted as (
          insert into user_roles (user_id, role_name)
          select target.id, ${adminRole} from target where target.kind = 'appointed'
          returning user_id
        ), c as (
          update users u set updated_at = ${ctx.now} from granted where u.id = granted.user_id returning u.id
        ), audited as (
          ${insertAudit(ctx, event)} from c, target
        )
        select target.kind, target.email_verified from target`,
    ])) as [unknown, { kind: 'appointed' | 'already' | 'disabled'; email_verified: boolean }[]];
    return row ? { kind: row.kind, emailVerified: row.email_verified } : null;
  },

  /** An account with a verified address, which whoever appoints vouches for. The unique constraints decide races. */
  create: async (
    ctx: RequestContext,
    { email, username, passwordHash }: NewAdministrator,
  ): Promise<'created' | 'email_taken' | 'username_taken'> => {
    const { now } = ctx;
    const roles = sql`${sql.param(builtInRoles)}::text[]`;
    const event = {
      id: newId(now),
      type: 'account.created',
      actor: noOne,
      subject: sql`c.id`,
      details: sql`jsonb_build_object('source', ${source}::text, 'roles', ${roles})`,
    } as const;
    try {
      const created = await db.execute(
        ctx,
        sql`
          with c as (
            insert into users (id, email, email_verified_at, username, password_hash, password_changed_at, created_at, updated_at)
            values (${newId(now)}, ${email}, ${now}, ${username}, ${passwordHash}, ${now}, ${now}, ${now})
            returning id
          ), granted as (
            insert into user_roles (user_id, role_name) select c.id, name from c, unnest(${roles}) name
          ), audited as (
            ${insertAudit(ctx, event)} from c
          )
          select c.id from c`,
      );
      if (created.length !== 1) throw new Error('an insert returned no row');
      return 'created';
    } catch (error) {
      return takenBy(error);
    }
  },

  isUsernameTaken: async (ctx: RequestContext, username: string): Promise<boolean> => {
    const rows = await db.execute(ctx, sql`select from users u where u.username = ${username}`);
    return rows.length > 0;
  },
});
