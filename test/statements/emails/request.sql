begin;

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
)
select account.id from users account where account.id in (
  select gate.user_id from gate where gate.refusal is null
  union all
  select holder.id from users holder, gate where holder.email = $5 and gate.refusal is null)
order by account.id for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'
--   $5  text                      'person@example.com'

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
), asking_account as (
  select account.id, account.email, account.email_verified_at is not null as is_proved
  from gate join users account on account.id = gate.user_id
  where gate.refusal is null and account.password_hash = $5
), holder as (
  select rival.id, null::timestamptz as kept_until from users rival, asking_account
  where rival.email = $6 and rival.id <> asking_account.id and (
      rival.email_verified_at is not null or rival.disabled_at is not null
      or exists (select from user_roles held where held.user_id = rival.id and held.role_name <> 'user'))
  union all
  select undo.user_id, undo.expires_at from one_time_tokens undo, asking_account
  where (
      undo.email = $7::text and undo.purpose = 'restore_email' and undo.used_at is null
      and undo.expires_at > $8::timestamptz) and undo.user_id <> asking_account.id
  order by kept_until nulls first limit 1
), reminded as (
  update users set exists_notice_sent_at = $9
  from holder where users.id = holder.id
    and (users.exists_notice_sent_at is null or users.exists_notice_sent_at <= $10)
  returning users.id as user_id, holder.kept_until
), voided_tokens as (
  update one_time_tokens token set used_at = $11, password_hash = null, username = null
  from asking_account
  where token.user_id = asking_account.id and token.purpose = any($12::text[])
    and token.used_at is null and token.expires_at > $13::timestamptz and true
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $14::uuid, source.user_id, $15::text, source.email, null::timestamptz,
    $16::text, $17::timestamptz,
    $18::timestamptz, $19::timestamptz
  from (
    select asking_account.id as user_id, $20::text as email from asking_account
    where not exists (select from holder)) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $21::uuid, source.user_id, source.recipient, $22::text, jsonb_build_object('token_id', $23::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $24::timestamptz, $25::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id), told_holder as (
    insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
    select $26::uuid, source.user_id, source.recipient, $27::text, '{}'::jsonb,
      exists (
        select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
      $28::timestamptz, $29::timestamptz
    from (
      select reminded.user_id, $30::text as recipient from reminded where reminded.kept_until is null) source
    returning id
), told_reserved as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $31::uuid, source.user_id, source.recipient, $32::text, jsonb_build_object('kept_until', source.kept_until),
    true, $33::timestamptz, $34::timestamptz
  from (
    select null::uuid as user_id, $35::text as recipient, reservation.kept_until
    from (select reminded.kept_until from reminded where reminded.kept_until is not null) reservation) source
  returning id
), told_owner as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $36::uuid, source.user_id, source.recipient, $37::text, jsonb_strip_nulls(jsonb_build_object(
      'new_email', case when source.is_proved then $38::text end)) || jsonb_build_object('ip', $39::text,
        'user_agent', $40::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $41::timestamptz, $42::timestamptz
  from (
    select asking_account.id as user_id, asking_account.email as recipient, asking_account.is_proved
    from asking_account) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $43::uuid, $44, asking_account.id, asking_account.id, $45::timestamptz,
    $46::inet, $47, $48, '{}'::jsonb from asking_account
)
select gate.refusal, not exists (select from asking_account) as has_changed from gate;
-- columns
--   refusal      text
--   has_changed  boolean
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   text                      'a hash'
--   $6   text                      'person@example.com'
--   $7   text                      'person@example.com'
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  timestamp with time zone  2026-01-31T11:59:00.000Z
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  text[]                    ["change_email"]
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  uuid                      '00000000-0000-7000-8000-000000000012'
--   $15  text                      'change_email'
--   $16  text                      null
--   $17  timestamp with time zone  null
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-02-01T12:00:00.000Z
--   $20  text                      'person@example.com'
--   $21  uuid                      '00000000-0000-7000-8000-000000000013'
--   $22  text                      'verify_new_email'
--   $23  text                      '00000000-0000-7000-8000-000000000012'
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  uuid                      '00000000-0000-7000-8000-000000000013'
--   $27  text                      'account_exists'
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $30  text                      'person@example.com'
--   $31  uuid                      '00000000-0000-7000-8000-000000000013'
--   $32  text                      'address_reserved'
--   $33  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $34  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $35  text                      'person@example.com'
--   $36  uuid                      '00000000-0000-7000-8000-000000000029'
--   $37  text                      'email_change_requested'
--   $38  text                      'person@example.com'
--   $39  text                      '192.0.2.1'
--   $40  text                      'a browser'
--   $41  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $42  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $43  uuid                      '00000000-0000-7000-8000-000000000001'
--   $44  text                      'email.change_requested'
--   $45  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $46  inet                      '192.0.2.1'
--   $47  text                      'a browser'
--   $48  text                      'a request'

commit;
