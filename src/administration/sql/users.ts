import { type SQL, sql } from 'drizzle-orm';
import type { AccountEdit, ManagedUser, NewUser } from '../../accounts/rules/account.ts';
import { lockManaged } from '../../accounts/sql/account-lock.ts';
import { takenBy } from '../../accounts/sql/account-rows.ts';
import { eraseAccount } from '../../accounts/sql/erasure.ts';
import { findTakenNames } from '../../accounts/sql/taken-names.ts';
import { insertAudit } from '../../audit/sql/audit-rows.ts';
import { endedByNewPassword, endedWithSessions } from '../../emails/rules.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import { isLive, type MailedToken, mailToken, voidTokens } from '../../mail/sql/mail-rows.ts';
import type { PermittedContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { Refusal } from '../../platform/refusals.ts';
import { adminRole } from '../../platform/rules/permissions.ts';
import { changedAccounts } from '../../sessions/sql/changed-accounts.ts';
import { passed, type StatementParts } from '../../sessions/sql/gate.ts';
import { isOver } from '../../sessions/sql/session-rows.ts';
import { unlinkIdentities } from '../../sso/sql/identity-rows.ts';
import { gateActor, isChanged, lockAuthority, targetAccount } from './authority.ts';
import { type ManagedRow, readManaged, toManaged } from './user-directory.ts';

export type NewManagedAccount = {
  readonly email: string;
  readonly username: string | null;
  readonly roles: readonly string[];
  /** Null: the owner is invited to choose a password. */
  readonly passwordHash: string | null;
  /** The token to mail: an invitation, or the verification of the address. */
  readonly token: MailedToken | null;
};

export type WrittenUser = {
  /** What the actor sent, with the id and the version. */
  readonly made: NewUser;
  /** The whole account; null where the actor may not read accounts. */
  readonly user: ManagedUser | null;
};

type Verdict = { refusal: Refusal; may_read: boolean };

const reads: SQL = sql`'users:read' = any(gate.permissions)`;
const mayRead: SQL = sql`${reads} as may_read`;

/** Without `users:read`, no precondition: whether one holds would tell if an edit has changed anything (ADR 9). */
const asksUnread = (ifMatch: readonly string[] | null): SQL =>
  sql`${ifMatch !== null}::boolean and not ${reads}`;

/** The roles of those names, as `wanted`: their permissions together, and whether all of the roles exist. */
const wantedRoles = (names: readonly string[]): SQL => sql`
  wanted as (
    select coalesce(array_agg(distinct permission) filter (where permission is not null), '{}') as permissions,
      count(distinct roles.name) = ${names.length} as all_exist
    from roles left join lateral unnest(roles.permissions) permission on true
    where roles.name = any(${sql.param(names)}::text[])
  )`;

/** Whether an account has a password, or anything that is removed together with its password. */
const hasCredential = (account: SQL, now: Date): SQL => sql`(
  coalesce(${account}.password_hash, ${account}.password_changed_at::text, ${account}.reset_sent_at::text,
    ${account}.familiar_reset_sent_at::text) is not null
  or exists (select from identities where identities.user_id = ${account}.id)
  or exists (select from sessions where sessions.user_id = ${account}.id and sessions.revoked_at is null)
  or exists (select from one_time_tokens token
             where token.user_id = ${account}.id and ${isLive(sql`token`, now)}
               and token.purpose = any(${sql.param(endedByNewPassword)}::text[])))`;

type Parts = Pick<StatementParts, 'db' | 'gate' | 'newId' | 'passwordMaxAgeDays'>;

/** Changes to other accounts. Every statement asks the gate for the permission that the route requires. */
export const createUserSql = ({ db, gate, newId, passwordMaxAgeDays }: Parts) => {
  /** Runs the statements of a change; the last two return the verdict and the account. */
  const write = async (
    ctx: PermittedContext,
    statements: readonly SQL[],
    refusalFor: (first: ReturnType<typeof takenBy>) => Promise<AppError> = async (first) =>
      new AppError(first),
  ): Promise<WrittenUser> => {
    const results = await db.transaction(ctx, statements).catch(async (error: unknown) => {
      throw await refusalFor(takenBy(error));
    });
    const [[verdict], [row]] = results.slice(-2) as [Verdict[], ManagedRow[]];
    const { may_read } = passed(verdict);
    if (!row) throw new Error('an account that was written is missing');
    const user = toManaged(row, passwordMaxAgeDays, ctx.now);
    const { id, email, username, roles, createdAt, version } = user;
    return { made: { id, email, username, roles, createdAt, version }, user: may_read ? user : null };
  };

  return {
    /**
     * An account with its roles and its first mail.
     * @throws AppError `email_taken`, `username_taken`, `validation_failed` for an unknown role, `forbidden`, and what
     * ends a session
     */
    create: async (ctx: PermittedContext, account: NewManagedAccount): Promise<WrittenUser> => {
      const { now } = ctx;
      const { email, username, passwordHash, token } = account;
      const id = newId(now);
      const roles = [...new Set(account.roles)];
      const purpose = passwordHash === null ? 'invitation' : 'verify_email';
      const event = {
        id: newId(now),
        type: 'account.created',
        actor: gateActor,
        subject: sql`new_user.id`,
        details: sql`jsonb_build_object('roles', ${sql.param(roles)}::text[],
          'invited', ${passwordHash === null}::boolean)`,
      } as const;
      const from = sql`select new_user.id as user_id, new_user.email from new_user`;
      const mail = token ? sql`, ${mailToken(ctx, { purpose, template: purpose, token, from })}` : sql``;
      const statements = [
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
          ), new_user as (
            insert into users (id, email, username, password_hash, password_changed_at, must_change_password,
                               verification_sent_at, created_at, updated_at)
            select ${id}::uuid, ${email}::text, ${username}::text, ${passwordHash}::text,
              ${passwordHash && now}::timestamptz, ${passwordHash !== null}::boolean,
              ${token && passwordHash && now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
            from verdict where verdict.refusal is null
            returning id, email
          ), new_roles as (
            insert into user_roles (user_id, role_name)
            select new_user.id, name from new_user, unnest(${sql.param(roles)}::text[]) name
          ), audited as (
            ${insertAudit(ctx, event)} from new_user
          )${mail}
          select verdict.refusal, verdict.may_read from verdict`,
        readManaged(id),
      ];
      return write(ctx, statements, (first) => findTakenNames(db, ctx, first, account));
    },

    /**
     * Changes what is given and nothing else; the answer is null where the actor may not read accounts. A disabled
     * account, or one whose password is removed, is logged out everywhere. A removed password takes the account's
     * identities and unused tokens with it, so that only a reset by e-mail opens the account again.
     * @param ifMatch the versions for which the edit is meant; null for any
     * @throws AppError `not_found`, `precondition_failed`, `username_taken`, `validation_failed` for an unknown role,
     * `forbidden`, `conflict` for the actor's own access and for the last administrator, and what ends a session
     */
    edit: async (
      ctx: PermittedContext,
      id: string,
      { username, ...edit }: AccountEdit,
      ifMatch: readonly string[] | null,
    ): Promise<ManagedUser | null> => {
      const { now } = ctx;
      const roles = edit.roles ? [...new Set(edit.roles)] : null;
      const givenRoles = sql`${roles === null ? null : sql.param(roles)}::text[]`;
      const disabled = edit.disabled ?? null;
      const mustChangePassword = edit.mustChangePassword ?? null;
      const forgets = edit.password === null;
      const locksOut = disabled === true || forgets;
      const demotes = roles !== null && !roles.includes(adminRole);
      const endedPurposes = forgets ? endedByNewPassword : disabled === true ? endedWithSessions : [];
      const event = {
        id: newId(now),
        type: 'account.changed',
        actor: gateActor,
        subject: sql`changed_user.id`,
        // A user name is personal, so the event says only that it has changed.
        details: sql`(
          select jsonb_strip_nulls(jsonb_build_object(
            'disabled', change.disabled,
            'must_change_password', change.must_change_password,
            'username', case when change.renames then 'changed' end,
            'password', case when change.forgets then 'removed' end,
            'roles', change.roles,
            'roles_before', case when change.roles is not null then to_jsonb(target.roles) end))
          from change, target)`,
      } as const;
      const locked = sql`select changed_user.id from changed_user where ${forgets}::boolean`;
      const { user } = await write(ctx, [
        lockAuthority(gate, ctx),
        lockManaged(gate, ctx, id),
        sql`
          with ${gate.permitted(ctx)}, ${targetAccount(gate, id)}, ${wantedRoles(roles ?? [])}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when ${asksUnread(ifMatch)} then 'forbidden'
              when target.id is null then 'not_found'
              when ${isChanged(sql`target.version`, ifMatch)} then 'changed'
              when not wanted.all_exist then 'unknown_role'
              when not target.permissions <@ gate.permissions then 'holds_more'
              when not wanted.permissions <@ gate.permissions then 'grants_more'
              when target.id = gate.user_id and (${locksOut}::boolean
                or (${roles !== null}::boolean and not target.permissions <@ wanted.permissions))
                then 'own_authority'
              when target.is_last_administrator and ${locksOut || demotes}::boolean then 'last_administrator'
            end as refusal, ${mayRead}
            from gate cross join wanted left join target on true
          ), change as (
            -- What differs from the account as it is; null stays as it is.
            select
              nullif(${disabled}::boolean, account.disabled_at is not null) as disabled,
              nullif(${mustChangePassword}::boolean, account.must_change_password) as must_change_password,
              ${username !== undefined}::boolean
                and account.username is distinct from ${username ?? null}::text as renames,
              ${forgets}::boolean and ${hasCredential(sql`account`, now)} as forgets,
              case when not (target.roles <@ ${givenRoles} and target.roles @> ${givenRoles})
                then ${givenRoles} end as roles
            from verdict, target join users account on account.id = target.id
            where verdict.refusal is null
          ), changed_user as (
            update users account set
              disabled_at = case change.disabled
                when true then ${now}::timestamptz when false then null else account.disabled_at end,
              must_change_password = coalesce(change.must_change_password, account.must_change_password),
              username = case when change.renames then ${username ?? null}::text else account.username end,
              password_hash = case when not change.forgets then account.password_hash end,
              password_changed_at = case when not change.forgets then account.password_changed_at end,
              reset_sent_at = case when not change.forgets then account.reset_sent_at end,
              familiar_reset_sent_at = case when not change.forgets then account.familiar_reset_sent_at end,
              familiar_since = case when change.forgets then ${now}::timestamptz else account.familiar_since end,
              familiar_ip = case when not change.forgets then account.familiar_ip end,
              updated_at = ${now}
            from change
            where account.id = ${id}::uuid and (change.disabled is not null or change.must_change_password is not null
              or change.renames or change.forgets or change.roles is not null)
            returning account.id
          ), removed_roles as (
            delete from user_roles using changed_user, change
            where user_roles.user_id = changed_user.id and not (user_roles.role_name = any(change.roles))
          ), new_roles as (
            insert into user_roles (user_id, role_name)
            select changed_user.id, name from changed_user, change, unnest(change.roles) name
            on conflict do nothing
          ), ended_sessions as (
            update sessions session set revoked_at = ${now},
              revoked_reason = ${disabled === true ? 'account_disabled' : 'administrator'}
            from changed_user
            where ${locksOut}::boolean and session.user_id = changed_user.id and session.revoked_at is null
          ), ended_tokens as (
            ${voidTokens(ctx, endedPurposes, sql`changed_user`)}
          ), ${unlinkIdentities(ctx, newId(now), locked, { actor: gateActor })}, audited as (
            ${insertAudit(ctx, event)} from changed_user
          )
          select verdict.refusal, verdict.may_read, ${changedAccounts(sql`select target.id from target where verdict.refusal is null`)}
          from verdict`,
        readManaged(id),
      ]);
      return user;
    },

    /**
     * Deletes an account and its personal data, and mails its owner.
     * @throws AppError `not_found`, `precondition_failed`, `forbidden`, `conflict` for the actor's own account and for
     * the last administrator, and what ends a session
     */
    remove: async (
      ctx: PermittedContext,
      id: string,
      { ifMatch, outboxId }: { ifMatch: readonly string[] | null; outboxId: string },
    ): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'account.deleted',
        actor: gateActor,
        subject: sql`erased.id`,
      } as const;
      const doomed = sql`select target.id from target, verdict where verdict.refusal is null`;
      const [, , [verdict]] = (await db.transaction(ctx, [
        lockAuthority(gate, ctx),
        lockManaged(gate, ctx, id, { deletes: true }),
        sql`
          with ${gate.permitted(ctx)}, ${targetAccount(gate, id)}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when ${asksUnread(ifMatch)} then 'forbidden'
              when target.id is null then 'not_found'
              when ${isChanged(sql`target.version`, ifMatch)} then 'changed'
              when not target.permissions <@ gate.permissions then 'holds_more'
              when target.id = gate.user_id then 'own_authority'
              when target.is_last_administrator then 'last_administrator' end as refusal
            from gate left join target on true
          ), ${eraseAccount(ctx, outboxId, doomed)}, audited as (
            ${insertAudit(ctx, event)} from erased
          )
          select verdict.refusal, ${changedAccounts(sql`select erased.id from erased`)} from verdict`,
      ])) as [unknown, unknown, { refusal: Refusal }[]];
      passed(verdict);
    },

    /** Logs an account out everywhere. @throws AppError `not_found`, `forbidden` and what ends a session */
    endSessions: async (ctx: PermittedContext, id: string): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'session.ended',
        actor: gateActor,
        subject: sql`ended_user.id`,
        details: sql`jsonb_build_object('scope', 'global', 'sessions', (select count(*) from ended_sessions))`,
      } as const;
      const [, [verdict]] = (await db.transaction(ctx, [
        lockManaged(gate, ctx, id),
        sql`
          with ${gate.permitted(ctx)}, ${targetAccount(gate, id)}, verdict as (
            select case
              when gate.refusal is not null then gate.refusal
              when target.id is null then 'not_found'
              when not target.permissions <@ gate.permissions then 'holds_more' end as refusal
            from gate left join target on true
          ), ended_user as (
            select target.id from target, verdict where verdict.refusal is null
          ), ended_sessions as (
            update sessions session set revoked_at = ${ctx.now}, revoked_reason = 'administrator'
            from ended_user where session.user_id = ended_user.id and not ${isOver(sql`session`, ctx.now)}
            returning session.id
          ), ended_tokens as (
            ${voidTokens(ctx, endedWithSessions, sql`ended_user`)}
          ), audited as (
            ${insertAudit(ctx, event)} from ended_user
          )
          select verdict.refusal, ${changedAccounts(sql`select ended_user.id from ended_user`)} from verdict`,
      ])) as [unknown, { refusal: Refusal }[]];
      passed(verdict);
    },
  };
};
