import { type SQL, sql } from 'drizzle-orm';
import { permissionNamesOf } from '../../accounts/sql/account-rows.ts';
import type { PermittedContext, SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { AppError } from '../../platform/errors.ts';
import { type Refusal, refusalError } from '../../platform/refusals.ts';
import type { Metrics } from '../../platform/rules/metrics.ts';
import type { SessionRefusal } from '../rules/session.ts';
import { isOver } from './session-rows.ts';

export type GatePolicy = {
  /** Accounts whose address is not verified reach nothing but their own account. */
  readonly verifiedOnly: boolean;
  /** Null: a password does not age. */
  readonly passwordMaxAgeDays: number | null;
  /** The issuers of the configured providers; an identity of another issuer is no way in. */
  readonly issuers: readonly string[];
};

/**
 * The common table expression `gate` of every route that needs a login: the actor's session and account as the
 * database has them now, with the reason for a refusal. It has no row where the session is gone. A statement that
 * writes joins it with `gate.refusal is null`, so that a dead session writes nothing.
 */
export type Gate = {
  /**
   * For the actor's own account. `unverified: true` admits accounts whose address is not verified, whatever the
   * policy.
   */
  readonly own: (ctx: SessionContext, options?: { readonly unverified?: boolean }) => SQL;
  /**
   * The refusal of `own` beside columns of the actor's session and account, as a statement of its own. It reads each
   * table once, where a join with `own` would read the account twice: most of what a short statement costs is its plan.
   */
  readonly readOwn: (
    ctx: SessionContext,
    columns: (actor: { readonly session: SQL; readonly account: SQL }) => SQL,
    options?: { readonly unverified?: boolean },
  ) => SQL;
  /**
   * For other accounts: the actor must also hold the permission that the route requires, and have no password to
   * change. Only this form has `gate.permissions`, the list of what the actor may do.
   */
  readonly permitted: (ctx: PermittedContext) => SQL;
  /** Whether an account, a relation of the statement, can log in. */
  readonly canLogIn: (account: SQL) => SQL;
  /** Whether an account has a way to log in; `but` is the id of an identity that does not count. */
  readonly hasWayIn: (account: SQL, but?: SQL) => SQL;
};

/** Parts of the container from which statements are made. Programs use some of them, and know no Workers types. */
export type StatementParts = {
  readonly db: Database;
  readonly gate: Gate;
  readonly newId: (now: Date) => string;
  readonly metrics: Metrics;
  /** Accounts whose address is not verified get no tokens. */
  readonly verifiedOnly: boolean;
  /** Null: a password does not age. */
  readonly passwordMaxAgeDays: number | null;
};

export const createGate = ({ verifiedOnly, passwordMaxAgeDays, issuers }: GatePolicy): Gate => {
  const actorOf = ({ actor, now }: SessionContext): SQL => {
    // The token was good when the request came; a slow body or a queue may have outlasted it.
    if (actor.goodUntil <= now) throw new AppError('token_expired');
    return sql`
      sessions session join users account on account.id = session.user_id
      where session.id = ${actor.sessionId} and account.id = ${actor.userId}`;
  };

  const refusal = ({ now }: SessionContext, unverified: boolean): SQL => sql`
    case
      when ${isOver(sql`session`, now)} then 'session_revoked'
      when account.disabled_at is not null then 'account_disabled'
      when ${verifiedOnly && !unverified}::boolean and account.email_verified_at is null then 'email_not_verified'
    end`;

  const hasWayIn: Gate['hasWayIn'] = (account, but = sql`null`) => sql`(
    ${account}.password_hash is not null or exists (
      select from identities way where way.user_id = ${account}.id and way.id is distinct from ${but}::uuid
        and way.issuer = any(${sql.param(issuers)}::text[])))`;

  return {
    hasWayIn,

    canLogIn: (account) => sql`(
      ${account}.disabled_at is null and ${hasWayIn(account)}
      and (${account}.email_verified_at is not null or not ${verifiedOnly}::boolean))`,

    own: (ctx, { unverified = false } = {}) => sql`
      gate as (
        select session.id as session_id, account.id as user_id, ${refusal(ctx, unverified)} as refusal
        from ${actorOf(ctx)}
      )`,

    readOwn: (ctx, columns, { unverified = false } = {}) => sql`
      select ${refusal(ctx, unverified)} as refusal, ${columns({ session: sql`session`, account: sql`account` })}
      from ${actorOf(ctx)}`,

    permitted: (ctx) => sql`
      gate as (
        select held.session_id, held.user_id, held.permissions, case
          when held.refusal is not null then held.refusal
          when held.password_due then 'password_change_required'
          when (${ctx.requiredPermission}::text = any(held.permissions)) is not true then 'forbidden' end as refusal
        from (
          select session.id as session_id, account.id as user_id,
            ${permissionNamesOf(sql`account`)} as permissions,
            account.password_changed_at is not null and (
              account.must_change_password or coalesce(
                account.password_changed_at < ${ctx.now}::timestamptz - ${passwordMaxAgeDays}::int * interval '1 day',
                false)
            ) as password_due,
            ${refusal(ctx, false)} as refusal
          from ${actorOf(ctx)}
        ) held
      )`,
  };
};

/** A row that carries the refusal of the gate beside its data. */
export type Gated = { refusal: SessionRefusal };

/**
 * The row of a statement behind the gate, once it has passed.
 * @throws AppError for the row's refusal; `session_revoked` where the gate had no row
 */
export const passed = <Row extends { readonly refusal: Refusal }>(row: Row | undefined): Row => {
  if (!row) throw new AppError('session_revoked');
  if (row.refusal !== null) throw refusalError(row.refusal);
  return row;
};
