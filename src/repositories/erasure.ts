import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import { insertMail } from './mail-rows.ts';

/**
 * Deletes the account that `from` yields as `id` and `email`, as `erased`. Sessions, identities, roles, tokens and unsent mails go
 * with its row; its audit events stay, without the address, the device and the request id that were its owner's: a client chooses that.
 * Without an outbox id nobody is told.
 */
export const eraseAccount = (ctx: RequestContext, outboxId: string | null, from: SQL): SQL => sql`
  erased as (
    delete from users where users.id = (select doomed.id from (${from}) doomed)
    returning users.id, users.email
  ), forgotten as (
    update audit_events e set ip = null, user_agent = null, request_id = 'erased' from erased
    where e.subject_id = erased.id and (e.actor_id is null or e.actor_id = erased.id)
  ), forgotten_actor as (
    update audit_events e set ip = null, user_agent = null, request_id = 'erased' from erased
    where e.actor_id = erased.id and e.actor_id is distinct from e.subject_id
  )${
    outboxId === null
      ? sql``
      : sql`, told as (
    ${insertMail(ctx, 'account_deleted', outboxId, sql`select null::uuid as user_id, erased.email as recipient from erased`)}
  )`
  }`;
