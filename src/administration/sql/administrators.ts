import { sql } from 'drizzle-orm';
import { roleNamesOf, takenBy } from '../../accounts/sql/account-rows.ts';
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

/** The outcome for an existing account; null where no account has the address. */
export type Appointment = {
  readonly kind: 'appointed' | 'already' | 'disabled' | 'unverified';
  readonly emailVerified: boolean;
} | null;

type Deps = {
  readonly db: Database;
  readonly newId: (now: Date) => string;
  /** Where an appointment comes from; the audit trail keeps it in place of an actor. */
  readonly source: string;
};

/** Appoints administrators for the programs of operators. It has no actor and no gate, so no route may use it. */
export const createAdministratorSql = ({ db, newId, source }: Deps) => ({
  /**
   * Gives the account of an address the role `admin`, unless it is disabled; nothing else about it changes. An address
   * that nobody has verified may be a stranger's sign-up: `acceptUnverified` says that the operator knows better.
   */
  appoint: async (
    ctx: RequestContext,
    email: string,
    { acceptUnverified }: { readonly acceptUnverified: boolean },
  ): Promise<Appointment> => {
    const event = {
      id: newId(ctx.now),
      type: 'account.changed',
      actor: noOne,
      subject: sql`changed_user.id`,
      details: sql`jsonb_build_object('source', ${source}::text, 'roles_before', to_jsonb(target.roles),
        'roles', to_jsonb(array(select name from unnest(target.roles || ${adminRole}::text) name order by name)))`,
    } as const;
    const [, [row]] = (await db.transaction(ctx, [
      lockAuthorityOutright,
      sql`
        with target as (
          select account.id, account.email_verified_at is not null as email_verified,
            ${roleNamesOf(sql`account`)} as roles,
            case when account.disabled_at is not null then 'disabled'
              when ${adminRole} = any(${roleNamesOf(sql`account`)}) then 'already'
              when account.email_verified_at is null and not ${acceptUnverified}::boolean then 'unverified'
              else 'appointed' end as kind
          from users account where account.email = ${email}
        ), new_role as (
          insert into user_roles (user_id, role_name)
          select target.id, ${adminRole} from target where target.kind = 'appointed'
          returning user_id
        ), changed_user as (
          update users set updated_at = ${ctx.now} from new_role where users.id = new_role.user_id
          returning users.id
        ), audited as (
          ${insertAudit(ctx, event)} from changed_user, target
        )
        select target.kind, target.email_verified from target`,
    ])) as [unknown, { kind: NonNullable<Appointment>['kind']; email_verified: boolean }[]];
    return row ? { kind: row.kind, emailVerified: row.email_verified } : null;
  },

  /** Creates an account whose address the operator vouches for. The unique constraints decide races. */
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
      subject: sql`new_user.id`,
      details: sql`jsonb_build_object('source', ${source}::text, 'roles', ${roles})`,
    } as const;
    try {
      const created = await db.execute(
        ctx,
        sql`
          with new_user as (
            insert into users (id, email, email_verified_at, username, password_hash, password_changed_at,
                               created_at, updated_at)
            values (${newId(now)}, ${email}, ${now}, ${username}, ${passwordHash}, ${now}, ${now}, ${now})
            returning id
          ), new_roles as (
            insert into user_roles (user_id, role_name)
            select new_user.id, name from new_user, unnest(${roles}) name
          ), audited as (
            ${insertAudit(ctx, event)} from new_user
          )
          select new_user.id from new_user`,
      );
      if (created.length !== 1) throw new Error('an insert returned no row');
      return 'created';
    } catch (error) {
      return takenBy(error);
    }
  },

  isUsernameTaken: async (ctx: RequestContext, username: string): Promise<boolean> => {
    const rows = await db.execute(ctx, sql`select from users where users.username = ${username}`);
    return rows.length > 0;
  },
});
