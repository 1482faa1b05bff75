with failed_upload as (
  update uploads set status = 'failed', reason = $1, attempts = 0,
    given_up_at = $2::timestamptz, updated_at = $3::timestamptz
  where id = $4::uuid and status = $5 and promoted_etag is null
    and deleted_at is null
  returning id, user_id, reason
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $6::uuid, $7, null::uuid, failed_upload.user_id, $8::timestamptz,
    $9::inet, $10, $11, jsonb_build_object('upload_id', failed_upload.id, 'reason', failed_upload.reason)
  from failed_upload
)
select id from failed_upload;
-- columns
--   id  uuid
-- parameters
--   $1   text                      'scan_unanswered'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   uuid                      '00000000-0000-7000-8000-000000000014'
--   $5   text                      'scanning'
--   $6   uuid                      '00000000-0000-7000-8000-000000000001'
--   $7   text                      'upload.failed'
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   inet                      '192.0.2.1'
--   $10  text                      'a browser'
--   $11  text                      'a request'
