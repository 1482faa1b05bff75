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
select account.id from gate join users account on account.id = gate.user_id
where gate.refusal is null for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'

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
), raised_usage as (
  insert into upload_usage as usage (user_id, files, bytes)
  select gate.user_id, 1, $5::bigint from gate
  where gate.refusal is null and $6::int >= 1 and $7::bigint <= $8::bigint
  on conflict (user_id) do update set files = usage.files + 1, bytes = usage.bytes + excluded.bytes
  where usage.files < $9::int and usage.bytes + excluded.bytes <= $10::bigint
  returning user_id
), new_upload as (
  insert into uploads (id, user_id, filename, content_type, size, sha256, status, object_name, created_at,
    updated_at, expires_at, next_attempt_at)
  select $11::uuid, raised_usage.user_id, $12, $13, $14::bigint,
    $15, 'pending', $16, $17::timestamptz, $18::timestamptz,
    $19::timestamptz, $20::timestamptz
  from raised_usage
  returning id, user_id
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $21::uuid, $22, new_upload.user_id, new_upload.user_id, $23::timestamptz,
    $24::inet, $25, $26, jsonb_build_object('upload_id', new_upload.id) from new_upload
)
select gate.refusal, exists (select from new_upload) as is_created from gate;
-- columns
--   refusal     text
--   is_created  boolean
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   bigint                    1
--   $6   integer                   10
--   $7   bigint                    1
--   $8   bigint                    1000
--   $9   integer                   10
--   $10  bigint                    1000
--   $11  uuid                      '00000000-0000-7000-8000-000000000014'
--   $12  text                      'a.txt'
--   $13  text                      'text/plain'
--   $14  bigint                    1
--   $15  text                      '00'
--   $16  text                      'an object'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-01-31T12:15:00.000Z
--   $20  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $21  uuid                      '00000000-0000-7000-8000-000000000001'
--   $22  text                      'upload.created'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  inet                      '192.0.2.1'
--   $25  text                      'a browser'
--   $26  text                      'a request'

commit;
