with new_account as (
  insert into users (id, email, username, password_hash, password_changed_at, verification_sent_at,
      created_at, updated_at)
  select $1::uuid, $2::text, $3::text, $4::text, $5::timestamptz,
    $6::timestamptz, $7::timestamptz, $8::timestamptz
  where not exists (
    select from one_time_tokens undo
    where (
        undo.email = $9::text and undo.purpose = 'restore_email' and undo.used_at is null
        and undo.expires_at > $10::timestamptz) and undo.user_id is distinct from null::uuid)
  returning *
), granted_role as (
  insert into user_roles (user_id, role_name) select new_account.id, 'user' from new_account
  returning role_name
), opened_session as (
  insert into sessions
    (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent, late_device)
  select $11::uuid, new_account.id, $12, new_account.created_at, new_account.created_at,
    $13::timestamptz, $14::timestamptz, $15::inet, $16::text, $17::text
  from new_account
), device as (
  select new_account.id as user_id, false as is_new, false as is_told from new_account
), remembered_device as (
  insert into known_devices (id, user_id, device, created_at, last_seen_at, told_at)
  select $18::uuid, device.user_id, $19::text, $20::timestamptz,
    $21::timestamptz, case when device.is_told then $22::timestamptz end
  from device where device.is_told or not device.is_new
  on conflict (user_id, device) do update set last_seen_at = excluded.last_seen_at,
    told_at = coalesce(excluded.told_at, known_devices.told_at)
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $23::uuid, $24, new_account.id, new_account.id, $25::timestamptz,
    $26::inet, $27, $28, '{}'::jsonb from new_account
), audited_session as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $29::uuid, $30, new_account.id, new_account.id, $31::timestamptz,
    $32::inet, $33, $34, '{}'::jsonb from new_account
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $35::uuid, source.user_id, $36::text, source.email, null::timestamptz,
    $37::text, $38::timestamptz,
    $39::timestamptz, $40::timestamptz
  from (select new_account.id as user_id, new_account.email from new_account) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $41::uuid, source.user_id, source.recipient, $42::text,
    jsonb_build_object('token_id', $43::text) || jsonb_build_object('ip', $44::text, 'user_agent', $45::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $46::timestamptz, $47::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id)
select new_account.id, new_account.email, false as email_verified, new_account.username,
  new_account.created_at, new_account.password_changed_at, new_account.must_change_password,
  array(select role_name from granted_role) as roles,
(select role.permissions from roles role where role.name = 'user') as permissions
from new_account;
-- columns
--   id                    uuid
--   email                 text
--   email_verified        boolean
--   username              text
--   created_at            timestamp with time zone
--   password_changed_at   timestamp with time zone
--   must_change_password  boolean
--   roles                 text[]
--   permissions           text[]
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000003'
--   $2   text                      'person@example.com'
--   $3   text                      'person'
--   $4   text                      'a hash'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   text                      'person@example.com'
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  uuid                      '00000000-0000-7000-8000-000000000027'
--   $12  text                      ''
--   $13  timestamp with time zone  2026-01-31T12:15:00.000Z
--   $14  timestamp with time zone  2026-01-31T23:00:00.000Z
--   $15  inet                      '192.0.2.1'
--   $16  text                      'a browser'
--   $17  text                      null
--   $18  uuid                      '00000000-0000-7000-8000-000000000004'
--   $19  text                      'an unknown device'
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  uuid                      '00000000-0000-7000-8000-000000000001'
--   $24  text                      'account.signed_up'
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  inet                      '192.0.2.1'
--   $27  text                      'a browser'
--   $28  text                      'a request'
--   $29  uuid                      '00000000-0000-7000-8000-000000000002'
--   $30  text                      'session.opened'
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  inet                      '192.0.2.1'
--   $33  text                      'a browser'
--   $34  text                      'a request'
--   $35  uuid                      '00000000-0000-7000-8000-000000000012'
--   $36  text                      'verify_email'
--   $37  text                      'mac of a code'
--   $38  timestamp with time zone  2026-01-31T12:10:00.000Z
--   $39  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $40  timestamp with time zone  2026-02-01T12:00:00.000Z
--   $41  uuid                      '00000000-0000-7000-8000-000000000013'
--   $42  text                      'verify_email'
--   $43  text                      '00000000-0000-7000-8000-000000000012'
--   $44  text                      '192.0.2.1'
--   $45  text                      'a browser'
--   $46  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $47  timestamp with time zone  2026-01-31T12:00:00.000Z

select exists (select from users holder where holder.email = $1)
  or exists (
    select from one_time_tokens undo
    where (
        undo.email = $2::text and undo.purpose = 'restore_email' and undo.used_at is null
        and undo.expires_at > $3::timestamptz) and undo.user_id is distinct from null::uuid) as email,
  exists (select from users holder where holder.username = $4) as username;
-- columns
--   email     boolean
--   username  boolean
-- parameters
--   $1  text                      'person@example.com'
--   $2  text                      'person@example.com'
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  text                      'person'
