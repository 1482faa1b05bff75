import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import type { ProvidedIdentity } from '../domain/identity.ts';
import type { Gate } from './gate.ts';

// The first statement of every transaction that voids tokens. It waits for whatever else writes tokens of the account,
// so that the next statement sees them: one alone would see what there was before it waited. All take this lock first.

/** Locks the account of a token. */
export const lockOwnerOf = (tokenId: string): SQL => sql`
  select u.id from one_time_tokens t join users u on u.id = t.user_id where t.id = ${tokenId}::uuid for no key update of u`;

/**
 * Locks the account of a token and the one that has its address: both in the order of their ids, so that two accounts
 * that exchange addresses do not wait for each other.
 */
export const lockForMove = (tokenId: string): SQL => sql`
  select u.id from users u where u.id in (
    select t.user_id from one_time_tokens t where t.id = ${tokenId}::uuid and t.used_at is null
    union select o.id from one_time_tokens t join users o on o.email = t.email where t.id = ${tokenId}::uuid and t.used_at is null)
  order by u.id for no key update of u`;
/** Locks an account by its id. */
export const lockAccount = (id: string): SQL =>
  sql`select u.id from users u where u.id = ${id}::uuid for no key update of u`;

/** Locks the account of a session. */
export const lockOwnerOfSession = (sessionId: string): SQL => sql`
  select u.id from sessions s join users u on u.id = s.user_id where s.id = ${sessionId}::uuid for no key update of u`;

/** Locks the account of an address. */
export const lockAccountOf = (email: string): SQL =>
  sql`select u.id from users u where u.email = ${email} for no key update of u`;

/** Locks the account of an identity, or else the one of its address. */
export const lockAccountOfIdentity = ({ issuer, subject, email }: ProvidedIdentity): SQL => sql`
  select u.id from users u where u.id = coalesce(
    (select i.user_id from identities i where i.issuer = ${issuer} and i.subject = ${subject}),
    (select o.id from users o where o.email = ${email}::text)) for no key update of u`;

/** Locks the actor's account. */
export const lockActor = (gate: Pick<Gate, 'own'>, ctx: RequestContext): SQL => sql`
  with ${gate.own(ctx)}
  select u.id from gate join users u on u.id = gate.user_id where gate.refusal is null for no key update of u`;

/** Locks an account that the actor may manage. */
export const lockManaged = (gate: Pick<Gate, 'permitted'>, ctx: RequestContext, id: string): SQL => sql`
  with ${gate.permitted(ctx)}
  select u.id from gate join users u on u.id = ${id}::uuid where gate.refusal is null for no key update of u`;
