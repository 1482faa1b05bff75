import { type SQL, sql } from 'drizzle-orm';
import { permissionsOf, rolesOf } from '../../accounts/sql/account-rows.ts';
import type { PermittedContext, SessionContext } from '../../platform/context.ts';
import { adminRole } from '../../platform/rules/permissions.ts';
import type { Gate } from '../../sessions/sql/gate.ts';

const lock: SQL = sql`pg_advisory_xact_lock(hashtextextended('itsor authority', 0))::text`;

/**
 * The first statement of every transaction that changes who may do what. It waits for all others of the kind, so
 * that the next one sees what they have left: two administrators who demote each other would else both be right.
 * Only who may do it waits, and no longer than the other's one round trip.
 */
export const lockAuthority = (gate: Pick<Gate, 'permitted'>, ctx: PermittedContext): SQL => sql`
  with ${gate.permitted(ctx)}
  select ${lock} from gate where gate.refusal is null`;

/** The same for somebody's own affairs. */
export const lockOwnAuthority = (gate: Pick<Gate, 'own'>, ctx: SessionContext): SQL => sql`
  with ${gate.own(ctx)}
  select ${lock} from gate where gate.refusal is null`;

/** The same for programs of operators, who need no permission. */
export const lockAuthorityOutright: SQL = sql`select ${lock}`;

/**
 * Whether the account that the statement has as `u` is the only administrator who can log in. One who is invited and has
 * no password yet, or whose address has still to be verified, would leave nobody to administrate.
 */
export const isLastAdministrator = ({ canLogIn }: Pick<Gate, 'canLogIn'>): SQL => sql`(
  exists (select from user_roles held where held.user_id = u.id and held.role_name = ${adminRole})
  and not exists (select from user_roles other join users o on o.id = other.user_id
                  where other.role_name = ${adminRole} and other.user_id <> u.id and ${canLogIn(sql`o`)}))`;

/** The account that a statement is about, as `target`. */
export const targetAccount = (gate: Pick<Gate, 'canLogIn'>, id: string): SQL => sql`
  target as (
    select u.id, u.email, u.xmin::text as version, ${permissionsOf} as permissions,
      ${rolesOf} as roles,
      ${isLastAdministrator(gate)} as is_last_administrator
    from users u where u.id = ${id}::uuid
  )`;

/** Whether a precondition fails for the row whose version is given; null asks for none (RFC 9110 section 13.1.1). */
export const isChanged = (version: SQL, ifMatch: readonly string[] | null): SQL =>
  ifMatch === null ? sql`false` : sql`not (${version} = any(${sql.param(ifMatch)}::text[]))`;
