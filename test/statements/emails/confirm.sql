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
    cross join lateral (select (exists (
      select from one_time_tokens undo
      where (
          undo.email = token.email and undo.purpose = 'restore_email' and undo.used_at is null
          and undo.expires_at > $1::timestamptz) and undo.user_id is distinct from token.user_id::uuid) or exists (
          select from users rival where rival.email = token.email and rival.id <> token.user_id and (
              rival.email_verified_at is not null or rival.disabled_at is not null
              or exists (select from user_roles held where held.user_id = rival.id
                  and held.role_name <> 'user')))) as is_held, (not exists (
              select from sessions session
              where session.id = $2::uuid and session.user_id = token.user_id
                and not (
                    session.revoked_at is not null or session.expires_at <= $3::timestamptz
                    or (session.created_at < coalesce((select not_before from session_cutoff),
                        '-infinity'::timestamptz))))
            and exists (select from users rival where rival.email = token.email
                and rival.id <> token.user_id)) as needs_session) found
  where token.id = $4 and token.used_at is null and token.expires_at > $5::timestamptz and
    token.purpose = 'change_email' and account.disabled_at is null
    and not (token.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz))
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
  insert into erasures (account_id, created_at) select erased.id, $6::timestamptz from erased
  on conflict do nothing
), deleted_sessions as (
  delete from sessions where id in (
    select one.id from erased, lateral (
      select session.id from sessions session where session.user_id = erased.id limit $7) one)
), anonymized_events as (
  update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (
    select one.id from erased, lateral (
      (select event.id from audit_events event
        where event.subject_id = erased.id and (event.actor_id is null or event.actor_id = erased.id)
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $8)
      union all
      (select event.id from audit_events event
        where event.actor_id = erased.id and event.actor_id is distinct from event.subject_id
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $9)) one
      limit $10)
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $11::uuid, $12, asked.user_id, erased.id, $13::timestamptz,
    $14::inet, $15, $16, jsonb_build_object('reason', 'superseded') from erased, asked
)
select array(select erased.id from erased) as changed_accounts;
-- columns
--   changed_accounts  uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   uuid                      '00000000-0000-7000-8000-000000000011'
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   uuid                      '00000000-0000-7000-8000-000000000012'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   bigint                    1000
--   $8   bigint                    1000
--   $9   bigint                    1000
--   $10  bigint                    1000
--   $11  uuid                      '00000000-0000-7000-8000-000000000003'
--   $12  text                      'account.deleted'
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  inet                      '192.0.2.1'
--   $15  text                      'a browser'
--   $16  text                      'a request'

with
asked as (
  select token.id, token.user_id, token.email, token.proved_at, token.created_at,
    account.email as present_email, account.email_verified_at as present_since, account.username,
    found.is_held or found.needs_session as is_taken, found.needs_session and not found.is_held as free_to_asker
  from one_time_tokens token join users account on account.id = token.user_id
    cross join lateral (select (exists (
      select from one_time_tokens undo
      where (
          undo.email = token.email and undo.purpose = 'restore_email' and undo.used_at is null
          and undo.expires_at > $1::timestamptz) and undo.user_id is distinct from token.user_id::uuid) or exists (
          select from users rival where rival.email = token.email and rival.id <> token.user_id and (
              rival.email_verified_at is not null or rival.disabled_at is not null
              or exists (select from user_roles held where held.user_id = rival.id
                  and held.role_name <> 'user')))) as is_held, (not exists (
              select from sessions session
              where session.id = $2::uuid and session.user_id = token.user_id
                and not (
                    session.revoked_at is not null or session.expires_at <= $3::timestamptz
                    or (session.created_at < coalesce((select not_before from session_cutoff),
                        '-infinity'::timestamptz))))
            and exists (select from users rival where rival.email = token.email
                and rival.id <> token.user_id)) as needs_session) found
  where token.id = $4 and token.used_at is null and token.expires_at > $5::timestamptz and
    token.purpose = 'change_email' and account.disabled_at is null
    and not (token.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz))
), used_token as (
  update one_time_tokens token set used_at = $6, succeeded_at = $7 from asked
  where token.id = asked.id and token.used_at is null and not asked.is_taken
  returning asked.user_id, asked.email, asked.present_since
), home as (
  select min(undo.proved_at) as proved_at, min(undo.created_at) as created_at
  from one_time_tokens undo, used_token
  where undo.user_id = used_token.user_id and (
      undo.email = used_token.email and undo.purpose = 'restore_email' and undo.used_at is null
      and undo.expires_at > $8::timestamptz)
  having count(*) > 0
), moved_account as (
  update users set email = used_token.email, reset_sent_at = null, familiar_reset_sent_at = null, updated_at = $9,
    familiar_since = case when exists (select from home) then $10::timestamptz else users.familiar_since end,
    familiar_ip = case when exists (select from home) then $11::inet else users.familiar_ip end,
  -- Later than the address before even if two clocks disagree, because undo links are compared by it.
    email_verified_at = coalesce((select home.proved_at from home),
        greatest($12::timestamptz, used_token.present_since + interval '1 millisecond'))
  from used_token where users.id = used_token.user_id
  returning users.id, users.email, users.username
), voided_tokens as (
  update one_time_tokens token set used_at = $13, password_hash = null, username = null
  from moved_account
  where token.user_id = moved_account.id and token.purpose = any($14::text[])
    and token.used_at is null and token.expires_at > $15::timestamptz and token.id <> $16
), voided_undos as (
  update one_time_tokens undo set used_at = $17
  from moved_account
  where undo.user_id = moved_account.id and undo.purpose = 'restore_email'
    and undo.used_at is null and undo.expires_at > $18::timestamptz and
    undo.email <> moved_account.email
    and exists (select from home where
        coalesce(undo.proved_at > home.proved_at, undo.created_at > home.created_at))
), ended_sessions as (
  update sessions session set revoked_at = $19, revoked_reason = 'email_restored'
  from moved_account where session.user_id = moved_account.id and session.revoked_at is null
    and session.id is distinct from $20::uuid and exists (select from home)
),
unlinked as (
  delete from identities identity where identity.user_id in (select moved_account.id from moved_account, home)
    and not (identity.vouched and identity.email is not distinct from (select moved_account.email from moved_account))
  returning identity.id, identity.user_id
), audited_identities as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $21::uuid, $22, gone.user_id, gone.user_id, $23::timestamptz,
    $24::inet, $25, $26, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), undo_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $27::uuid, source.user_id, $28::text, source.email, source.present_since::timestamptz,
    $29::text, $30::timestamptz,
    $31::timestamptz, $32::timestamptz
  from (
    select asked.user_id, asked.present_email as email, asked.present_since from asked join used_token on true
    where asked.present_since is not null and not exists (select from home)) source
  returning id, user_id, email
), told as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $33::uuid, source.user_id, source.recipient, $34::text, jsonb_strip_nulls(jsonb_build_object(
      'token_id', (select undo_token.id from undo_token), 'new_email', source.new_email)),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $35::timestamptz, $36::timestamptz
  from (
    select moved_account.id as user_id, asked.present_email as recipient,
      case when asked.present_since is not null then moved_account.email end as new_email
    from moved_account, asked) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $37::uuid, $38, null::uuid, moved_account.id, $39::timestamptz,
    $40::inet, $41, $42, '{}'::jsonb from moved_account
)
select asked.is_taken, asked.free_to_asker, asked.user_id, moved_account.email, moved_account.username,
  false as is_repeat, $43::boolean as sets_password,
  array(select moved_account.id from moved_account) as changed_accounts
from asked left join moved_account on true
union all
select false, false, repeated.user_id, repeated.email, repeated.username, true,
  repeated.used_at is null and repeated.expires_at > $44::timestamptz, array[repeated.user_id]
from (
  select token.user_id, token.succeeded_at, token.used_at, token.expires_at,
    account.email, account.username, account.password_hash
  from one_time_tokens token join users account on account.id = token.user_id and account.email = token.email
  where token.succeeded_at is not null and account.email_verified_at is not null and account.disabled_at is null
    and token.id = $45 and token.purpose = $46::text) repeated;
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
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   uuid                      '00000000-0000-7000-8000-000000000011'
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   uuid                      '00000000-0000-7000-8000-000000000012'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  inet                      '192.0.2.1'
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  text[]                    ["verify_email","reset_password","change_email","invitation"]
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  uuid                      '00000000-0000-7000-8000-000000000012'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  uuid                      '00000000-0000-7000-8000-000000000011'
--   $21  uuid                      '00000000-0000-7000-8000-000000000001'
--   $22  text                      'identity.unlinked'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  inet                      '192.0.2.1'
--   $25  text                      'a browser'
--   $26  text                      'a request'
--   $27  uuid                      '00000000-0000-7000-8000-000000000012'
--   $28  text                      'restore_email'
--   $29  text                      null
--   $30  timestamp with time zone  null
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  timestamp with time zone  2026-02-07T12:00:00.000Z
--   $33  uuid                      '00000000-0000-7000-8000-000000000013'
--   $34  text                      'email_changed'
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $37  uuid                      '00000000-0000-7000-8000-000000000002'
--   $38  text                      'email.changed'
--   $39  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $40  inet                      '192.0.2.1'
--   $41  text                      'a browser'
--   $42  text                      'a request'
--   $43  boolean                   false
--   $44  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $45  uuid                      '00000000-0000-7000-8000-000000000012'
--   $46  text                      'change_email'

commit;
