import { type SQL, sql } from 'drizzle-orm';
import type { AccountEdit, ManagedAccount, NewUser } from '../../accounts/rules/account.ts';
import { lockManaged } from '../../accounts/sql/account-lock.ts';
import { takenBy } from '../../accounts/sql/account-rows.ts';
import { eraseAccount } from '../../accounts/sql/erasure.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { endedByNewPassword, endedWithSessions } from '../../emails/rules.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import { type MailedToken, mailToken, voidTokens } from '../../mail/sql/mail-rows.ts';
import type { PermittedContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { Refusal } from '../../platform/refusals.ts';
import { adminRole } from '../../platform/rules/permissions.ts';
import { type Gate, refusalOf } from '../../sessions/sql/gate.ts';
import { isOver } from '../../sessions/sql/session-rows.ts';
import { unlinkIdentities } from '../../sso/sql/identity-rows.ts';
import { isChanged, lockAuthority, targetAccount } from './authority.ts';
import { type ManagedRow, readManaged, toManaged } from './managed-rows.ts';

export type NewManagedAccount = {
  readonly email: string;
  readonly username: string | null;
  readonly roles: readonly string[];
  /** Null: the owner is invited to choose a password. */
  readonly passwordHash: string | null;
  /** The token that is mailed: of the invitation, or of the address where addresses are verified. */
  readonly token: MailedToken | null;
};

export type EditOutcome =
  | {
      readonly kind: 'done';
      /** Null where the actor may not read accounts. */
      readonly account: ManagedAccount | null;
      /** For who has made it. */
      readonly made: NewUser;
    }
  | { readonly kind: 'refused'; readonly refusal: Exclude<Refusal, null> }
  | { readonly kind: 'email_taken' | 'username_taken' | 'unknown_role' };

type Verdict = { refusal: Refusal | 'unknown_role' | 'email_taken'; may_read: boolean };

const mayRead: SQL = sql`'users:read' = any(gate.permissions) as may_read`;

/** The roles that are asked for, as `wanted`: what they allow together, and whether all of them exist. */
const wantedRoles = (names: readonly string[] | null): SQL => sql`
  wanted as (
    select coalesce(array_agg(distinct permission) filter (where permission is not null), '{}') as permissions,
      count(distinct r.name) = ${names?.length ?? 0} as all_exist
    from roles r left join lateral unnest(r.permissions) permission on true
    where r.name = any(${sql.param(names ?? [])}::text[])
  )`;

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate };

export type UserRepository = ReturnType<typeof createUserRepository>;

/** Changes to the accounts of others. Every statement asks the gate for the permission that the route requires. */
export const createUserRepository = (db: Database, { newId, gate }: Options) => {
  const outcomeOf = (results: Record<string, unknown>[][]): EditOutcome => {
    const [[verdict], [row]] = results.slice(-2) as [Verdict[], ManagedRow[]];
    const refusal = refusalOf(verdict);
    if (refusal === 'unknown_role' || refusal === 'email_taken') return { kind: refusal };
    if (refusal !== null) return { kind: 'refused', refusal };
    if (!row) throw new Error('an account that was written is not there');
    const account = toManaged(row);
    const { id, email, username, roles, createdAt, version } = account;
    const made = { id, email, username, roles, createdAt, version };
    return { kind: 'done', account: verdict?.may_read ? account : null, made };
  };

  return {
    /** An account with its roles and the mail that it begins with. */
    create: async (ctx: PermittedContext, account: NewManagedAccount): Promise<EditOutcome> => {
      const { now } = ctx;
      const { email, username, passwordHash, roles, token } = account;
      const id = newId(now);
      const purpose = passwordHash === null ? 'invitation' : 'verify_email';
      const event = {
        id: newId(now),
        type: 'account.created',
        actor: sql`(select user_id from gate)`,
        subject: sql`c.id`,
        details: sql`jsonb_build_object('roles', ${sql.param(roles)}::text[], 'invited', ${passwordHash === null}::boolean)`,
      } as const;
      const mail = token
        ? sql`, ${mailToken(ctx, { purpose, template: purpose, token, from: sql`select c.id as user_id, c.email from c` })}`
        : sql``;
      try {
        return outcomeOf(
          await db.transaction(ctx, [
            lockAuthority(gate, ctx),
            sql`
              with ${gate.permitted(ctx)}, ${wantedRoles(roles)}, verdict as (
                select case
                  when gate.refusal is not null then gate.refusal
                  when not wanted.all_exist then 'unknown_role'
                  when not wanted.permissions <@ gate.permissions then 'grants_more'
                  when ${isReserved(ctx, sql`${email}::text`)} then 'email_taken' end as refusal,
                  ${mayRead}
                from gate, wanted
              ), c as (
                insert into users (id, email, username, password_hash, password_changed_at, must_change_password,
                                   verification_sent_at, created_at, updated_at)
                select ${id}::uuid, ${email}::text, ${username}::text, ${passwordHash}::text,
                  ${passwordHash && now}::timestamptz, ${passwordHash !== null}::boolean,
                  ${token && passwordHash && now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
                from verdict where verdict.refusal is null
                returning id, email
              ), granted as (
                insert into user_roles (user_id, role_name) select c.id, name from c, unnest(${sql.param(roles)}::text[]) name
              ), audited as (
                ${insertAudit(ctx, event)} from c
              )${mail}
              select verdict.refusal, verdict.may_read from verdict`,
            readManaged(id),
          ]),
        );
      } catch (error) {
        return { kind: takenBy(error) };
      }
    },

    /**
     * Changes what is given and nothing else. Whoever is disabled, or loses the password, is logged out everywhere, for
     * good; with the password goes what was asked for with it and every identity, so that only a reset lets anybody in.
     */
    edit: async (
      ctx: PermittedContext,
      id: string,
      edit: AccountEdit,
      ifMatch: readonly string[] | null,
    ): Promise<EditOutcome> => {
      const { now } = ctx;
      const roles = edit.roles ?? null;
      const disabled = edit.disabled ?? null;
      const mustChangePassword = edit.mustChangePassword ?? null;
      const forgets = edit.password === null;
      const demotes = roles !== null && !roles.includes(adminRole);
      const rolesParam = sql`${roles === null ? null : sql.param(roles)}::text[]`;
      const event = {
        id: newId(now),
        type: 'account.changed',
        actor: sql`(select user_id from gate)`,
        subject: sql`c.id`,
        // A user name says who somebody is, so it is only said that it has changed.
        details: sql`(select jsonb_strip_nulls(jsonb_build_object(
          'disabled', edit.disabled, 'must_change_password', edit.must_change_password,
          'username', case when edit.renames then 'changed' end, 'password', case when edit.forgets then 'removed' end, 'roles', edit.roles,
          'roles_before', case when edit.roles is not null then to_jsonb(target.roles) end)) from edit, target)`,
      } as const;
      try {
        return outcomeOf(
          await db.transaction(ctx, [
            lockAuthority(gate, ctx),
            lockManaged(gate, ctx, id),
            sql`
              with ${gate.permitted(ctx)}, ${targetAccount(gate, id)}, ${wantedRoles(roles)}, verdict as (
                select case
                  when gate.refusal is not null then gate.refusal
                  when target.id is null then 'not_found'
                  when ${isChanged(sql`target.version`, ifMatch)} then 'changed'
                  when not wanted.all_exist then 'unknown_role'
                  when not target.permissions <@ gate.permissions then 'holds_more'
                  when not wanted.permissions <@ gate.permissions then 'grants_more'
                  when target.id = gate.user_id and (${disabled === true || forgets}::boolean or (${roles !== null}::boolean and not target.permissions <@ wanted.permissions))
                    then 'own_authority'
                  when target.is_last_administrator and ${demotes || disabled === true || forgets}::boolean then 'last_administrator'
                end as refusal, ${mayRead}
                from gate cross join wanted left join target on true
              ), edit as (
                -- What is asked for and is not so already; null stays as it is.
                select nullif(${disabled}::boolean, u.disabled_at is not null) as disabled,
                  nullif(${mustChangePassword}::boolean, u.must_change_password) as must_change_password,
                  ${edit.username !== undefined}::boolean and u.username is distinct from ${edit.username ?? null}::text as renames,
                  ${forgets}::boolean and (coalesce(u.password_hash, u.password_changed_at::text, u.reset_sent_at::text, u.familiar_reset_sent_at::text) is not null
                    or exists (select from identities i where i.user_id = u.id)
                    or exists (select from sessions s where s.user_id = u.id and s.revoked_at is null)
                    or exists (select from one_time_tokens o where o.user_id = u.id and o.used_at is null
                               and o.purpose = any(${sql.param(endedByNewPassword)}::text[]))) as forgets,
                  case when not (target.roles <@ ${rolesParam} and target.roles @> ${rolesParam}) then ${rolesParam} end as roles
                from verdict, target join users u on u.id = target.id where verdict.refusal is null
              ), c as (
                update users u set
                  disabled_at = case edit.disabled when true then ${now}::timestamptz when false then null else u.disabled_at end,
                  must_change_password = coalesce(edit.must_change_password, u.must_change_password),
                  username = case when edit.renames then ${edit.username ?? null}::text else u.username end,
                  password_hash = case when not edit.forgets then u.password_hash end,
                  password_changed_at = case when not edit.forgets then u.password_changed_at end,
                  reset_sent_at = case when not edit.forgets then u.reset_sent_at end,
                  familiar_reset_sent_at = case when not edit.forgets then u.familiar_reset_sent_at end,
                  familiar_since = case when edit.forgets then ${now}::timestamptz else u.familiar_since end,
                  updated_at = ${now}
                from edit
                where u.id = ${id}::uuid and (edit.disabled is not null or edit.must_change_password is not null or edit.renames or edit.forgets or edit.roles is not null)
                returning u.id
              ), taken as (
                delete from user_roles ur using c where ur.user_id = c.id and not (ur.role_name = any((select edit.roles from edit)::text[]))
              ), granted as (
                insert into user_roles (user_id, role_name) select c.id, name from c, unnest((select edit.roles from edit)) name
                on conflict do nothing
              ), ended as (
                update sessions s set revoked_at = ${now},
                  revoked_reason = ${disabled === true ? 'account_disabled' : 'administrator'}
                from c where ${disabled === true || forgets}::boolean and s.user_id = c.id and s.revoked_at is null
              ), spent as (
                ${voidTokens(ctx, forgets ? endedByNewPassword : disabled === true ? endedWithSessions : [])}
              ), ${unlinkIdentities(ctx, newId(now), sql`select c.id from c where ${forgets}::boolean`, { actor: sql`(select user_id from gate)` })}, audited as (
                ${insertAudit(ctx, event)} from c
              )
              select verdict.refusal, verdict.may_read from verdict`,
            readManaged(id),
          ]),
        );
      } catch (error) {
        return { kind: takenBy(error) };
      }
    },

    /** Deletes an account and what is personal about it; its owner is told. */
    remove: async (
      ctx: PermittedContext,
      id: string,
      { ifMatch, outboxId }: { ifMatch: readonly string[] | null; outboxId: string },
    ): Promise<Refusal> => {
      const event = {
        id: newId(ctx.now),
        type: 'account.deleted',
        actor: sql`(select user_id from gate)`,
        subject: sql`erased.id`,
      } as const;
      const [, , rows] = (await db.transaction(ctx, [
        lockAuthority(gate, ctx),
        lockManaged(gate, ctx, id, { deletes: true }),
        sql`
          with ${gate.permitted(ctx)}, ${targetAccount(gate, id)}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when target.id is null then 'not_found'
              when ${isChanged(sql`target.version`, ifMatch)} then 'changed'
              when not target.permissions <@ gate.permissions then 'holds_more'
              when target.id = gate.user_id then 'own_authority'
              when target.is_last_administrator then 'last_administrator' end as refusal
            from gate left join target on true
          ), ${eraseAccount(ctx, outboxId, sql`select target.id from target, verdict where verdict.refusal is null`)},
          audited as (
            ${insertAudit(ctx, event)} from erased
          )
          select verdict.refusal from verdict`,
      ])) as [unknown, unknown, { refusal: Refusal }[]];
      return refusalOf(rows[0]);
    },

    /** Ends every session of an account. */
    endSessions: async (ctx: PermittedContext, id: string): Promise<Refusal> => {
      const event = {
        id: newId(ctx.now),
        type: 'session.ended',
        actor: sql`(select user_id from gate)`,
        subject: sql`target.id`,
        details: sql`jsonb_build_object('scope', 'global', 'sessions', (select count(*) from ended))`,
      } as const;
      const [, [row]] = (await db.transaction(ctx, [
        lockManaged(gate, ctx, id),
        sql`
          with ${gate.permitted(ctx)}, ${targetAccount(gate, id)}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when target.id is null then 'not_found'
              when not target.permissions <@ gate.permissions then 'holds_more' end as refusal
            from gate left join target on true
          ), ended as (
            update sessions s set revoked_at = ${ctx.now}, revoked_reason = 'administrator'
            from target, verdict
            where verdict.refusal is null and s.user_id = target.id and not ${isOver(sql`s`, ctx.now)}
            returning s.id
          ), c as (
            select target.id from target, verdict where verdict.refusal is null
          ), spent as (
            ${voidTokens(ctx, endedWithSessions)}
          ), audited as (
            ${insertAudit(ctx, event)} from c join target on target.id = c.id
          )
          select verdict.refusal from verdict`,
      ])) as [unknown, { refusal: Refusal }[]];
      return refusalOf(row);
    },
  };
};
