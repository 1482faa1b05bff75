with waiting_account as (
  update users set verification_sent_at = $1
  where email = $2 and email_verified_at is null and disabled_at is null
    and (verification_sent_at is null or verification_sent_at <= $3)
  returning id as user_id, email, (
      users.password_hash is null and users.email_verified_at is null
      and not exists (select from user_roles held where held.user_id = users.id
          and held.role_name <> 'user')) as is_unclaimed
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $4::uuid, source.user_id, $5::text, source.email, null::timestamptz,
    $6::text, $7::timestamptz,
    $8::timestamptz, $9::timestamptz
  from (select waiting_account.user_id, waiting_account.email from waiting_account) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $10::uuid, source.user_id, source.recipient, $11::text,
    jsonb_build_object('token_id', $12::text) || jsonb_build_object('ip', $13::text, 'user_agent', $14::text)
    || jsonb_build_object('completes_sign_up', (select waiting_account.is_unclaimed from waiting_account)),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $15::timestamptz, $16::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id)
insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
select $17::uuid, $18, null::uuid, waiting_account.user_id, $19::timestamptz,
  $20::inet, $21, $22, '{}'::jsonb from (select 1) always left join waiting_account on true;
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   text                      'person@example.com'
--   $3   timestamp with time zone  2026-01-31T11:59:00.000Z
--   $4   uuid                      '00000000-0000-7000-8000-000000000012'
--   $5   text                      'verify_email'
--   $6   text                      'mac of a code'
--   $7   timestamp with time zone  2026-01-31T12:10:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   timestamp with time zone  2026-02-01T12:00:00.000Z
--   $10  uuid                      '00000000-0000-7000-8000-000000000013'
--   $11  text                      'verify_email'
--   $12  text                      '00000000-0000-7000-8000-000000000012'
--   $13  text                      '192.0.2.1'
--   $14  text                      'a browser'
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  uuid                      '00000000-0000-7000-8000-000000000001'
--   $18  text                      'email.verification_requested'
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  inet                      '192.0.2.1'
--   $21  text                      'a browser'
--   $22  text                      'a request'
