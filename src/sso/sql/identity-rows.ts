import { type SQL, sql } from 'drizzle-orm';
import { type AuditScope, insertAudit } from '../../audit/sql/audit-rows.ts';

/** Whether the provider of an identity, a row of the relation `identity`, vouches for the address. */
export const vouchesFor = (identity: SQL, email: SQL): SQL =>
  sql`(${identity}.vouched and ${identity}.email is not distinct from ${email})`;

/**
 * The expressions `unlinked` and `audited_identities`: remove the identities of the accounts that `accounts` selects,
 * because they may belong to another person than the owner. `which` narrows them, by the name `identity`.
 */
export const unlinkIdentities = (
  ctx: AuditScope,
  eventId: string,
  accounts: SQL,
  { which = sql`true`, actor = sql`gone.user_id` }: { readonly which?: SQL; readonly actor?: SQL } = {},
): SQL => {
  const event = {
    id: eventId,
    type: 'identity.unlinked',
    actor,
    subject: sql`gone.user_id`,
    details: sql`jsonb_build_object('identity_ids', gone.ids)`,
  } as const;
  return sql`
    unlinked as (
      delete from identities identity where identity.user_id in (${accounts}) and ${which}
      returning identity.id, identity.user_id
    ), audited_identities as (
      ${insertAudit(ctx, event)} from (
        select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
    )`;
};
