begin;

select account.id from users account where account.id in (
  select token.user_id from one_time_tokens token where token.id = $1::uuid and token.used_at is null
  union
  select holder.id from one_time_tokens token join users holder on holder.email = token.email
  where token.id = $2::uuid and token.used_at is null)
order by account.id for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000012'
--   $2  uuid  '00000000-0000-7000-8000-000000000012'

with
asked as (
  select token.id, token.user_id, token.email, token.proved_at, token.created_at,
    account.email as present_email, account.email_verified_at as present_since, account.username,
    found.is_held or found.needs_session as is_taken, found.needs_session and not found.is_held as free_to_asker
  from one_time_tokens token join users account on account.id = token.user_id
    cross join lateral (select exists (
      select from users rival where rival.email = token.email and rival.id <> token.user_id and (
          rival.email_verified_at is not null or rival.disabled_at is not null
          or exists (select from user_roles held where held.user_id = rival.id
              and held.role_name <> 'user'))) as is_held, false as needs_session) found
  where token.id = $1 and token.used_at is null and token.expires_at > $2::timestamptz
    and token.purpose = 'restore_email'
),
erased as (
  delete from users where users.id = (select doomed.id from (
    select rival.id, rival.email from users rival join asked on asked.email = rival.email
    where rival.id <> asked.user_id and not asked.is_taken and not (
        rival.email_verified_at is not null or rival.disabled_at is not null
        or exists (select from user_roles held where held.user_id = rival.id and held.role_name <> 'user'))
    for update of rival) doomed)
  returning users.id, users.email
), pending_erasure as (
  insert into erasures (account_id, created_at) select erased.id, $3::timestamptz from erased
  on conflict do nothing
), deleted_sessions as (
  delete from sessions where id in (
    select one.id from erased, lateral (
      select session.id from sessions session where session.user_id = erased.id limit $4) one)
), anonymized_events as (
  update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (
    select one.id from erased, lateral (
      (select event.id from audit_events event
        where event.subject_id = erased.id and (event.actor_id is null or event.actor_id = erased.id)
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $5)
      union all
      (select event.id from audit_events event
        where event.actor_id = erased.id and event.actor_id is distinct from event.subject_id
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $6)) one
      limit $7)
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $8::uuid, $9, asked.user_id, erased.id, $10::timestamptz,
    $11::inet, $12, $13, jsonb_build_object('reason', 'superseded') from erased, asked
)
select array(select erased.id from erased) as changed_accounts;
-- columns
--   changed_accounts  uuid[]
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000012'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   bigint                    1000
--   $5   bigint                    1000
--   $6   bigint                    1000
--   $7   bigint                    1000
--   $8   uuid                      '00000000-0000-7000-8000-000000000003'
--   $9   text                      'account.deleted'
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  inet                      '192.0.2.1'
--   $12  text                      'a browser'
--   $13  text                      'a request'

with
asked as (
  select token.id, token.user_id, token.email, token.proved_at, token.created_at,
    account.email as present_email, account.email_verified_at as present_since, account.username,
    found.is_held or found.needs_session as is_taken, found.needs_session and not found.is_held as free_to_asker
  from one_time_tokens token join users account on account.id = token.user_id
    cross join lateral (select exists (
      select from users rival where rival.email = token.email and rival.id <> token.user_id and (
          rival.email_verified_at is not null or rival.disabled_at is not null
          or exists (select from user_roles held where held.user_id = rival.id
              and held.role_name <> 'user'))) as is_held, false as needs_session) found
  where token.id = $1 and token.used_at is null and token.expires_at > $2::timestamptz
    and token.purpose = 'restore_email'
), used_token as (
  update one_time_tokens token set purpose = 'reset_password', succeeded_at = $3, created_at = $4,
    expires_at = $5
  from asked where token.id = asked.id and token.used_at is null and not asked.is_taken
  returning asked.*
), moved_account as (
  update users set email = used_token.email,
    email_verified_at = coalesce(used_token.proved_at, $6::timestamptz), password_hash = null,
    password_changed_at = null, must_change_password = false, familiar_since = $7, familiar_ip = $8::inet,
    reset_sent_at = null, familiar_reset_sent_at = null, updated_at = $9
  from used_token where users.id = used_token.user_id
  returning users.id, users.email, users.username
), ended_sessions as (
  update sessions session set revoked_at = $10, revoked_reason = 'email_restored'
  from moved_account where session.user_id = moved_account.id and session.revoked_at is null
),
unlinked as (
  delete from identities identity where identity.user_id in (select moved_account.id from moved_account)
    and not (identity.vouched and identity.email is not distinct from (select moved_account.email from moved_account))
  returning identity.id, identity.user_id
), audited_identities as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $11::uuid, $12, gone.user_id, gone.user_id, $13::timestamptz,
    $14::inet, $15, $16, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), voided_tokens as (
  update one_time_tokens token set used_at = $17, password_hash = null, username = null
  from moved_account
  where token.user_id = moved_account.id and token.purpose = any($18::text[])
    and token.used_at is null and token.expires_at > $19::timestamptz and token.id <> $20
), voided_undos as (
  update one_time_tokens undo set used_at = $21
  from moved_account
  where undo.user_id = moved_account.id and undo.purpose = 'restore_email'
    and undo.used_at is null and undo.expires_at > $22::timestamptz and undo.id <> $23 and exists (
      select from used_token where undo.email = used_token.email or
        coalesce(undo.proved_at > used_token.proved_at, undo.created_at > used_token.created_at))
), told as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $24::uuid, source.user_id, source.recipient, $25::text, '{}'::jsonb,
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $26::timestamptz, $27::timestamptz
  from (
    select used_token.user_id, used_token.present_email as recipient from used_token
    where used_token.present_since is not null) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $28::uuid, $29, moved_account.id, moved_account.id, $30::timestamptz,
    $31::inet, $32, $33, '{}'::jsonb from moved_account
)
select asked.is_taken, asked.free_to_asker, asked.user_id, moved_account.email, moved_account.username,
  false as is_repeat, $34::boolean as sets_password,
  array(select moved_account.id from moved_account) as changed_accounts
from asked left join moved_account on true
union all
select false, false, repeated.user_id, repeated.email, repeated.username, true,
  repeated.used_at is null and repeated.expires_at > $35::timestamptz, array[repeated.user_id]
from (
  select token.user_id, token.succeeded_at, token.used_at, token.expires_at,
    account.email, account.username, account.password_hash
  from one_time_tokens token join users account on account.id = token.user_id and account.email = token.email
  where token.succeeded_at is not null and account.email_verified_at is not null and account.disabled_at is null
    and token.id = $36 and token.purpose = $37::text) repeated;
-- columns
--   is_taken          boolean
--   free_to_asker     boolean
--   user_id           uuid
--   email             text
--   username          text
--   is_repeat         boolean
--   sets_password     boolean
--   changed_accounts  uuid[]
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000012'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   timestamp with time zone  2026-01-31T12:30:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   inet                      '192.0.2.1'
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  uuid                      '00000000-0000-7000-8000-000000000001'
--   $12  text                      'identity.unlinked'
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  inet                      '192.0.2.1'
--   $15  text                      'a browser'
--   $16  text                      'a request'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  text[]                    ["verify_email","reset_password","change_email","invitation"]
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  uuid                      '00000000-0000-7000-8000-000000000012'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  uuid                      '00000000-0000-7000-8000-000000000012'
--   $24  uuid                      '00000000-0000-7000-8000-000000000013'
--   $25  text                      'email_restored'
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  uuid                      '00000000-0000-7000-8000-000000000002'
--   $29  text                      'email.restored'
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  inet                      '192.0.2.1'
--   $32  text                      'a browser'
--   $33  text                      'a request'
--   $34  boolean                   true
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  uuid                      '00000000-0000-7000-8000-000000000012'
--   $37  text                      'reset_password'

commit;
