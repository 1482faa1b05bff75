import { type SQL, sql } from 'drizzle-orm';
import { permissionNamesOf, roleNamesOf } from '../../accounts/sql/account-rows.ts';
import type { PermittedContext, SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { Refusal } from '../../platform/refusals.ts';
import { adminRole } from '../../platform/rules/permissions.ts';
import { type Gate, passed } from '../../sessions/sql/gate.ts';

const lock: SQL = sql`pg_advisory_xact_lock(hashtextextended('itsor authority', 0))::text`;

/**
 * The first statement of every transaction that changes permissions. It waits for the other transactions of this kind:
 * otherwise two administrators could take each other's role at the same moment. Only permitted actors wait.
 */
export const lockAuthority = (gate: Pick<Gate, 'permitted'>, ctx: PermittedContext): SQL => sql`
  with ${gate.permitted(ctx)}
  select ${lock} from gate where gate.refusal is null`;

/** The same lock for a change to the actor's own account. */
export const lockOwnAuthority = (gate: Pick<Gate, 'own'>, ctx: SessionContext): SQL => sql`
  with ${gate.own(ctx)}
  select ${lock} from gate where gate.refusal is null`;

/** The same lock for the programs of operators, which need no permission. */
export const lockAuthorityOutright: SQL = sql`select ${lock}`;

/** The actor of a statement behind the gate. */
export const gateActor: SQL = sql`(select gate.user_id from gate)`;

/** Checks the permission of a request that reads nothing else. @throws AppError what the gate refuses with */
export const authorize = async (db: Database, gate: Gate, ctx: PermittedContext): Promise<void> => {
  const [row] = await db.execute<{ refusal: Refusal }>(
    ctx,
    sql`with ${gate.permitted(ctx)} select gate.refusal from gate`,
  );
  passed(row);
};

/**
 * Whether the account is the only administrator who can log in. An invited administrator without a password, or one
 * whose address must still be verified, does not count.
 */
export const isLastAdministrator = ({ canLogIn }: Pick<Gate, 'canLogIn'>, account: SQL): SQL => sql`(
  exists (select from user_roles held where held.user_id = ${account}.id and held.role_name = ${adminRole})
  and not exists (
    select from user_roles held join users other on other.id = held.user_id
    where held.role_name = ${adminRole} and other.id <> ${account}.id and ${canLogIn(sql`other`)}))`;

/** The account that a statement is about, as `target`. */
export const targetAccount = (gate: Pick<Gate, 'canLogIn'>, id: string): SQL => sql`
  target as (
    select account.id, account.email, account.xmin::text as version,
      ${permissionNamesOf(sql`account`)} as permissions, ${roleNamesOf(sql`account`)} as roles,
      ${isLastAdministrator(gate, sql`account`)} as is_last_administrator
    from users account where account.id = ${id}::uuid
  )`;

/** Whether a precondition fails for the row whose version is given; null asks for none (RFC 9110 section 13.1.1). */
export const isChanged = (version: SQL, ifMatch: readonly string[] | null): SQL =>
  ifMatch === null ? sql`false` : sql`not (${version} = any(${sql.param(ifMatch)}::text[]))`;
