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
), removed_upload as (
  update uploads set deleted_at = $5, updated_at = $6, next_attempt_at = $7, attempts = 0
  from gate
  where gate.refusal is null and uploads.user_id = gate.user_id and uploads.id = $8::uuid
    and uploads.deleted_at is null
  returning uploads.id, uploads.user_id, uploads.status
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $9::uuid, $10, removed_upload.user_id, removed_upload.user_id, $11::timestamptz,
    $12::inet, $13, $14, jsonb_build_object('upload_id', removed_upload.id, 'status', removed_upload.status)
  from removed_upload
)
select gate.refusal, exists (select from removed_upload) as is_removed from gate;
-- columns
--   refusal     text
--   is_removed  boolean
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   uuid                      '00000000-0000-7000-8000-000000000014'
--   $9   uuid                      '00000000-0000-7000-8000-000000000001'
--   $10  text                      'upload.deleted'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  inet                      '192.0.2.1'
--   $13  text                      'a browser'
--   $14  text                      'a request'
