with taken_username as (
  select from users where username = $1
), reserved as (
  select undo.user_id, undo.expires_at from one_time_tokens undo
  where (
      undo.email = $2::text and undo.purpose = 'restore_email' and undo.used_at is null
      and undo.expires_at > $3::timestamptz)
    and not exists (select from users holder where holder.email = $4)
    limit 1
), new_account as (
  insert into users (id, email, verification_sent_at, created_at, updated_at)
  select $5::uuid, $6::text, $7::timestamptz, $8::timestamptz, $9::timestamptz
  where not exists (select from taken_username) and not exists (select from reserved)
  on conflict (email) do nothing
  returning id, email
), granted_role as (
  insert into user_roles (user_id, role_name) select new_account.id, 'user' from new_account
), waiting_account as (
  update users account set verification_sent_at = $10
  where account.email = $11 and not exists (select from taken_username) and account.disabled_at is null
    and (
        account.password_hash is null and account.email_verified_at is null
        and not exists (select from user_roles held where held.user_id = account.id and held.role_name <> 'user'))
    and (account.verification_sent_at is null or account.verification_sent_at <= $12)
  returning account.id, account.email
), known_account as (
  update users account set exists_notice_sent_at = $13
  where account.email = $14 and not exists (select from taken_username)
    and not (
        account.password_hash is null and account.email_verified_at is null
        and not exists (select from user_roles held where held.user_id = account.id and held.role_name <> 'user'))
    and (account.exists_notice_sent_at is null or account.exists_notice_sent_at <= $15)
  returning account.id, account.email
), reminded_account as (
  update users account set exists_notice_sent_at = $16
  from reserved where account.id = reserved.user_id and not exists (select from taken_username)
    and (account.exists_notice_sent_at is null or account.exists_notice_sent_at <= $17)
  returning reserved.expires_at as kept_until
), told_reserved as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $18::uuid, source.user_id, source.recipient, $19::text, jsonb_build_object('kept_until', source.kept_until),
    true, $20::timestamptz, $21::timestamptz
  from (
    select null::uuid as user_id, $22::text as recipient, reservation.kept_until
    from (select reminded_account.kept_until from reminded_account) reservation) source
  returning id
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $23::uuid, source.user_id, $24::text, source.email, null::timestamptz,
    $25::text, $26::timestamptz,
    $27::timestamptz, $28::timestamptz
  from (
    select new_account.id as user_id, new_account.email from new_account
    union all select waiting_account.id, waiting_account.email from waiting_account) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $29::uuid, source.user_id, source.recipient, $30::text,
    jsonb_build_object('token_id', $31::text) || jsonb_build_object('ip', $32::text, 'user_agent',
        $33::text) || '{"completes_sign_up": true}'::jsonb,
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $34::timestamptz, $35::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id), told_known as (
    insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
    select $36::uuid, source.user_id, source.recipient, $37::text, '{}'::jsonb,
      exists (
        select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
      $38::timestamptz, $39::timestamptz
    from (select known_account.id as user_id, known_account.email as recipient from known_account) source
    returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $40::uuid, $41, null::uuid, new_account.id, $42::timestamptz,
    $43::inet, $44, $45, '{}'::jsonb from new_account
), audited_again as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $46::uuid, $47, null::uuid, present.id, $48::timestamptz,
    $49::inet, $50, $51, '{}'::jsonb from (
      select holder.id from users holder where holder.email = $52
      union all select null from reserved
  ) present where not exists (select from new_account)
)
select exists (select from taken_username) as username_taken;
-- columns
--   username_taken  boolean
-- parameters
--   $1   text                      'person'
--   $2   text                      'person@example.com'
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   text                      'person@example.com'
--   $5   uuid                      '00000000-0000-7000-8000-000000000002'
--   $6   text                      'person@example.com'
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  text                      'person@example.com'
--   $12  timestamp with time zone  2026-01-31T11:59:00.000Z
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  text                      'person@example.com'
--   $15  timestamp with time zone  2026-01-31T11:59:00.000Z
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  timestamp with time zone  2026-01-31T11:59:00.000Z
--   $18  uuid                      '00000000-0000-7000-8000-000000000013'
--   $19  text                      'address_reserved'
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  text                      'person@example.com'
--   $23  uuid                      '00000000-0000-7000-8000-000000000012'
--   $24  text                      'verify_email'
--   $25  text                      'mac of a code'
--   $26  timestamp with time zone  2026-01-31T12:10:00.000Z
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  timestamp with time zone  2026-02-01T12:00:00.000Z
--   $29  uuid                      '00000000-0000-7000-8000-000000000013'
--   $30  text                      'verify_email'
--   $31  text                      '00000000-0000-7000-8000-000000000012'
--   $32  text                      '192.0.2.1'
--   $33  text                      'a browser'
--   $34  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  uuid                      '00000000-0000-7000-8000-000000000013'
--   $37  text                      'account_exists'
--   $38  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $39  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $40  uuid                      '00000000-0000-7000-8000-000000000001'
--   $41  text                      'account.signed_up'
--   $42  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $43  inet                      '192.0.2.1'
--   $44  text                      'a browser'
--   $45  text                      'a request'
--   $46  uuid                      '00000000-0000-7000-8000-000000000001'
--   $47  text                      'account.sign_up_repeated'
--   $48  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $49  inet                      '192.0.2.1'
--   $50  text                      'a browser'
--   $51  text                      'a request'
--   $52  text                      'person@example.com'
