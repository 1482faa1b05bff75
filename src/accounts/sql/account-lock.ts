import { type SQL, sql } from 'drizzle-orm';
import type { PermittedContext, SessionContext } from '../../platform/context.ts';
import type { Gate } from '../../sessions/sql/gate.ts';
import type { ProvidedIdentity } from '../../sso/rules.ts';

// One of these is the first statement of every transaction about an account, or the one after the lock of authority.
// It waits for other writers of the account, so that the next statement sees what they wrote (docs/adr/0017).
// Two accounts are locked in the order of their ids, so that two transactions cannot deadlock.

type Purpose = { readonly deletes?: boolean };

/** A deletion takes the stronger lock, so that a new row with a foreign key to the account waits for the deletion. */
const lockFor = ({ deletes = false }: Purpose): SQL => (deletes ? sql`for update` : sql`for no key update`);

/** Locks the account of a token. */
export const lockOwnerOf = (tokenId: string): SQL => sql`
  select account.id from one_time_tokens token join users account on account.id = token.user_id
  where token.id = ${tokenId}::uuid for no key update of account`;

/** Locks the account of a session. */
export const lockOwnerOfSession = (sessionId: string): SQL => sql`
  select account.id from sessions session join users account on account.id = session.user_id
  where session.id = ${sessionId}::uuid for no key update of account`;

/** Locks the account of an unused token, and the account that has the token's address. */
export const lockForMove = (tokenId: string): SQL => sql`
  select account.id from users account where account.id in (
    select token.user_id from one_time_tokens token where token.id = ${tokenId}::uuid and token.used_at is null
    union
    select holder.id from one_time_tokens token join users holder on holder.email = token.email
    where token.id = ${tokenId}::uuid and token.used_at is null)
  order by account.id for no key update of account`;

/** Locks an account by its id. */
export const lockAccount = (id: string): SQL =>
  sql`select account.id from users account where account.id = ${id}::uuid for no key update of account`;

/** Locks the account of an address. */
export const lockAccountOf = (email: string): SQL =>
  sql`select account.id from users account where account.email = ${email} for no key update of account`;

/**
 * Makes requests with the same identity or the same address take turns. The rows that they would insert do not exist
 * yet, so there is nothing else to lock. Keys are locked in order, so that two requests cannot deadlock.
 */
export const lockIdentity = ({ issuer, subject, email }: ProvidedIdentity): SQL => sql`
  select pg_advisory_xact_lock(lock.key)::text from (
    select distinct hashtextextended(name, 0) as key
    from unnest(array[jsonb_build_array('identity', ${issuer}::text, ${subject}::text)::text,
                      'address ' || ${email}::text]) name
    where name is not null order by key) lock`;

/** Locks the account of an identity, and the account that has its address. */
export const lockAccountOfIdentity = ({ issuer, subject, email }: ProvidedIdentity): SQL => sql`
  select account.id from users account where account.id in (
    select known.user_id from identities known where known.issuer = ${issuer} and known.subject = ${subject}
    union all select holder.id from users holder where holder.email = ${email}::text)
  order by account.id for no key update of account`;

/** Locks the actor's account. */
export const lockActor = (gate: Pick<Gate, 'own'>, ctx: SessionContext, purpose: Purpose = {}): SQL => sql`
  with ${gate.own(ctx)}
  select account.id from gate join users account on account.id = gate.user_id
  where gate.refusal is null ${lockFor(purpose)} of account`;

/** Locks the actor's account, and the account that has an address. */
export const lockActorAndAccountOf = (
  gate: Pick<Gate, 'own'>,
  ctx: SessionContext,
  email: string,
): SQL => sql`
  with ${gate.own(ctx)}
  select account.id from users account where account.id in (
    select gate.user_id from gate where gate.refusal is null
    union all
    select holder.id from users holder, gate where holder.email = ${email} and gate.refusal is null)
  order by account.id for no key update of account`;

/** Locks an account that the actor may manage. */
export const lockManaged = (
  gate: Pick<Gate, 'permitted'>,
  ctx: PermittedContext,
  id: string,
  purpose: Purpose = {},
): SQL => sql`
  with ${gate.permitted(ctx)}
  select account.id from gate join users account on account.id = ${id}::uuid
  where gate.refusal is null ${lockFor(purpose)} of account`;
