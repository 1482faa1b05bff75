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
  -- A form that is sent twice leaves the link of its first mail good.
  update one_time_tokens token set used_at = $11, password_hash = null, username = null
  from asking_account
  where token.user_id = asking_account.id and token.purpose = any($12::text[])
    and token.used_at is null and token.expires_at > $13::timestamptz and token.email <> $14::text
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $15::uuid, source.user_id, $16::text, source.email, null::timestamptz,
    $17::text, $18::timestamptz,
    $19::timestamptz, $20::timestamptz
  from (
    select asking_account.id as user_id, $21::text as email from asking_account
    where not exists (select from holder)) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $22::uuid, source.user_id, source.recipient, $23::text, jsonb_build_object('token_id', $24::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $25::timestamptz, $26::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id), told_holder as (
    insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
    select $27::uuid, source.user_id, source.recipient, $28::text, '{}'::jsonb,
      exists (
        select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
      $29::timestamptz, $30::timestamptz
    from (
      select reminded.user_id, $31::text as recipient from reminded where reminded.kept_until is null) source
    returning id
), told_reserved as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $32::uuid, source.user_id, source.recipient, $33::text, jsonb_build_object('kept_until', source.kept_until),
    true, $34::timestamptz, $35::timestamptz
  from (
    select null::uuid as user_id, $36::text as recipient, reservation.kept_until
    from (select reminded.kept_until from reminded where reminded.kept_until is not null) reservation) source
  returning id
), told_owner as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $37::uuid, source.user_id, source.recipient, $38::text, jsonb_strip_nulls(jsonb_build_object(
      'new_email', case when source.is_proved then $39::text end)) || jsonb_build_object('ip', $40::text,
        'user_agent', $41::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $42::timestamptz, $43::timestamptz
  from (
    select asking_account.id as user_id, asking_account.email as recipient, asking_account.is_proved
    from asking_account) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $44::uuid, $45, asking_account.id, asking_account.id, $46::timestamptz,
    $47::inet, $48, $49, '{}'::jsonb from asking_account
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
--   $14  text                      'person@example.com'
--   $15  uuid                      '00000000-0000-7000-8000-000000000012'
--   $16  text                      'change_email'
--   $17  text                      null
--   $18  timestamp with time zone  null
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  timestamp with time zone  2026-02-01T12:00:00.000Z
--   $21  text                      'person@example.com'
--   $22  uuid                      '00000000-0000-7000-8000-000000000013'
--   $23  text                      'verify_new_email'
--   $24  text                      '00000000-0000-7000-8000-000000000012'
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  uuid                      '00000000-0000-7000-8000-000000000013'
--   $28  text                      'account_exists'
--   $29  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  text                      'person@example.com'
--   $32  uuid                      '00000000-0000-7000-8000-000000000013'
--   $33  text                      'address_reserved'
--   $34  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  text                      'person@example.com'
--   $37  uuid                      '00000000-0000-7000-8000-000000000029'
--   $38  text                      'email_change_requested'
--   $39  text                      'person@example.com'
--   $40  text                      '192.0.2.1'
--   $41  text                      'a browser'
--   $42  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $43  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $44  uuid                      '00000000-0000-7000-8000-000000000001'
--   $45  text                      'email.change_requested'
--   $46  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $47  inet                      '192.0.2.1'
--   $48  text                      'a browser'
--   $49  text                      'a request'

commit;
