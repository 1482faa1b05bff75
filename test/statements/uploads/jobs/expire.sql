with expired_upload as (
  update uploads set deleted_at = $1::timestamptz, updated_at = $2::timestamptz, attempts = 0
  where id = $3::uuid and status = 'pending' and deleted_at is null
  returning id, user_id
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $4::uuid, $5, null::uuid, expired_upload.user_id, $6::timestamptz,
    $7::inet, $8, $9, jsonb_build_object('upload_id', expired_upload.id) from expired_upload
)
select id from expired_upload;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  uuid                      '00000000-0000-7000-8000-000000000014'
--   $4  uuid                      '00000000-0000-7000-8000-000000000001'
--   $5  text                      'upload.expired'
--   $6  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7  inet                      '192.0.2.1'
--   $8  text                      'a browser'
--   $9  text                      'a request'
