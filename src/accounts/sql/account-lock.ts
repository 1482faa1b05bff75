import { type SQL, sql } from 'drizzle-orm';
import type { PermittedContext, SessionContext } from '../../platform/context.ts';
import type { Gate } from '../../sessions/sql/gate.ts';
import type { ProvidedIdentity } from '../../sso/rules.ts';

// The first statement of every transaction over an account, or the one after the lock of authority. It waits for whatever
// else writes about the account, so that the next statement sees it: one alone would decide on what there was before it
// waited (docs/adr/0017). Two accounts are locked in the order of their ids.

const toChange: SQL = sql`for no key update of u`;
// A foreign key to the account lets this one wait, and not the deletion itself, when the decision has been made.
const toDelete: SQL = sql`for update of u`;

type Purpose = { readonly deletes?: boolean };
const lockFor = ({ deletes = false }: Purpose): SQL => (deletes ? toDelete : toChange);

/** Locks the account of a token. */
export const lockOwnerOf = (tokenId: string): SQL => sql`
  select u.id from one_time_tokens t join users u on u.id = t.user_id where t.id = ${tokenId}::uuid ${toChange}`;

/** Locks the account of a session. */
export const lockOwnerOfSession = (sessionId: string): SQL => sql`
  select u.id from sessions s join users u on u.id = s.user_id where s.id = ${sessionId}::uuid ${toChange}`;

/**
 * Locks the account of a token and the one that has its address: both in the order of their ids, so that two accounts
 * that exchange addresses do not wait for each other.
 */
export const lockForMove = (tokenId: string): SQL => sql`
  select u.id from users u where u.id in (
    select t.user_id from one_time_tokens t where t.id = ${tokenId}::uuid and t.used_at is null
    union select o.id from one_time_tokens t join users o on o.email = t.email where t.id = ${tokenId}::uuid and t.used_at is null)
  order by u.id ${toChange}`;

/** Locks an account by its id. */
export const lockAccount = (id: string): SQL =>
  sql`select u.id from users u where u.id = ${id}::uuid ${toChange}`;

/** Locks the account of an address. */
export const lockAccountOf = (email: string): SQL =>
  sql`select u.id from users u where u.email = ${email} ${toChange}`;

/**
 * Lets those who bring the same identity, or the same address, come one after the other: what they would make is not
 * there yet, so there is no row to lock. In the order of the keys, so that no two wait for each other.
 */
export const lockIdentity = ({ issuer, subject, email }: ProvidedIdentity): SQL => sql`
  select pg_advisory_xact_lock(k.key)::text from (
    select distinct hashtextextended(name, 0) as key
    from unnest(array[jsonb_build_array('identity', ${issuer}::text, ${subject}::text)::text,
                      'address ' || ${email}::text]) name
    where name is not null order by key) k`;

/** Locks the account of an identity, and the one of its address. */
export const lockAccountOfIdentity = ({ issuer, subject, email }: ProvidedIdentity): SQL => sql`
  select u.id from users u where u.id in (
    select i.user_id from identities i where i.issuer = ${issuer} and i.subject = ${subject}
    union all select o.id from users o where o.email = ${email}::text)
  order by u.id ${toChange}`;

/** Locks the actor's account. */
export const lockActor = (gate: Pick<Gate, 'own'>, ctx: SessionContext, purpose: Purpose = {}): SQL => sql`
  with ${gate.own(ctx)}
  select u.id from gate join users u on u.id = gate.user_id where gate.refusal is null ${lockFor(purpose)}`;

/** Locks the actor's account, and the one of an address. */
export const lockActorAndAccountOf = (
  gate: Pick<Gate, 'own'>,
  ctx: SessionContext,
  email: string,
): SQL => sql`
  with ${gate.own(ctx)}
  select u.id from users u where u.id in (
    select gate.user_id from gate where gate.refusal is null
    union all select o.id from users o, gate where o.email = ${email} and gate.refusal is null)
  order by u.id ${toChange}`;

/** Locks an account that the actor may manage. */
export const lockManaged = (
  gate: Pick<Gate, 'permitted'>,
  ctx: PermittedContext,
  id: string,
  purpose: Purpose = {},
): SQL => sql`
  with ${gate.permitted(ctx)}
  select u.id from gate join users u on u.id = ${id}::uuid where gate.refusal is null ${lockFor(purpose)}`;
