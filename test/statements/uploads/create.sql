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
), waiting_upload as (
  select uploads.id from uploads join gate on gate.refusal is null and uploads.user_id = gate.user_id
  where uploads.status = 'pending' and uploads.deleted_at is null and uploads.attempts = 0 and uploads.filename = $5
    and uploads.content_type = $6 and uploads.size = $7::bigint
    and uploads.sha256 = $8
  order by uploads.id desc limit 1
), resumed_upload as (
  update uploads set expires_at = $9::timestamptz, next_attempt_at = $10::timestamptz,
  updated_at = $11::timestamptz
  from waiting_upload where uploads.id = waiting_upload.id and uploads.status = 'pending'
    and uploads.deleted_at is null and uploads.attempts = 0
  returning uploads.id
), held as (
  select count(*)::int as files, coalesce(sum(held_upload.size), 0)::bigint as bytes
  from uploads held_upload join gate on gate.refusal is null and held_upload.user_id = gate.user_id
  where held_upload.deleted_at is null and held_upload.status in ('pending', 'scanning', 'clean')
), new_upload as (
  insert into uploads (id, user_id, filename, content_type, size, sha256, status, object_name, created_at,
    updated_at, expires_at, next_attempt_at)
  select $12::uuid, gate.user_id, $13, $14, $15::bigint,
    $16, 'pending', $17, $18::timestamptz, $19::timestamptz,
    $20::timestamptz, $21::timestamptz
  from gate, held
  where gate.refusal is null and not exists (select from resumed_upload)
    and held.files < $22::int and held.bytes + $23::bigint <= $24::bigint
  returning id, user_id
), refused_upload as (
  select uploads.id from uploads join new_upload on uploads.user_id = new_upload.user_id
  where uploads.deleted_at is null and uploads.status in ('infected', 'failed') and uploads.next_attempt_at is null
  order by uploads.id desc offset $25::int
), forgotten_upload as (
  delete from uploads using refused_upload
  where uploads.id = refused_upload.id and uploads.status in ('infected', 'failed')
    and uploads.next_attempt_at is null
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $26::uuid, $27, new_upload.user_id, new_upload.user_id, $28::timestamptz,
    $29::inet, $30, $31, jsonb_build_object('upload_id', new_upload.id) from new_upload
)
select gate.refusal, (select id from resumed_upload) as resumed_id,
  exists (select from new_upload) as is_new
from gate;
-- columns
--   refusal     text
--   resumed_id  uuid
--   is_new      boolean
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   text                      'a.txt'
--   $6   text                      'text/plain'
--   $7   bigint                    1
--   $8   text                      '00'
--   $9   timestamp with time zone  2026-01-31T12:15:00.000Z
--   $10  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  uuid                      '00000000-0000-7000-8000-000000000014'
--   $13  text                      'a.txt'
--   $14  text                      'text/plain'
--   $15  bigint                    1
--   $16  text                      '00'
--   $17  text                      'an object'
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  timestamp with time zone  2026-01-31T12:15:00.000Z
--   $21  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $22  integer                   10
--   $23  bigint                    1
--   $24  bigint                    1000
--   $25  integer                   10
--   $26  uuid                      '00000000-0000-7000-8000-000000000001'
--   $27  text                      'upload.created'
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  inet                      '192.0.2.1'
--   $30  text                      'a browser'
--   $31  text                      'a request'

commit;
