with locked_account as (
  select account.id, account.email, account.email_verified_at, account.disabled_at
  from users account where account.email = $1
), told as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $2::uuid, source.user_id, source.recipient, $3::text,
    jsonb_build_object('ip', $4::text, 'user_agent', $5::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $6::timestamptz, $7::timestamptz
  from (
    select locked_account.id as user_id, locked_account.email as recipient from locked_account
    where $8::boolean
      and locked_account.email_verified_at is null and locked_account.disabled_at is null) source
  returning id
)
insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
select $9::uuid, $10, null::uuid, locked_account.id, $11::timestamptz,
  $12::inet, $13, $14, jsonb_build_object('by', $15::text) from (select 1) always left join locked_account on true;
-- parameters
--   $1   text                      'person@example.com'
--   $2   uuid                      '00000000-0000-7000-8000-000000000013'
--   $3   text                      'codes_locked'
--   $4   text                      '192.0.2.1'
--   $5   text                      'a browser'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   boolean                   true
--   $9   uuid                      '00000000-0000-7000-8000-000000000001'
--   $10  text                      'email.code_locked'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  inet                      '192.0.2.1'
--   $13  text                      'a browser'
--   $14  text                      'a request'
--   $15  text                      'identifier'
